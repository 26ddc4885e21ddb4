"""Queries on modules, accounts and the exporters themselves.

What each replica sees in full (jobs that ended, records) is taken once. What each does for itself (credits, polls,
calls) is added up. No query tells replicas apart, but those on the exporters themselves.
"""

_MODULE = 'account=~"$account", module=~"$module"'
_ACCOUNT = 'account=~"$account"'


def module(metric: str, *by: str) -> str:
    """Give a metric of the chosen modules, which every replica shows in full, summed by labels."""
    return f"sum by ({', '.join(by)}) (max by ({', '.join(('account', 'module', *by))}) ({metric}{{{_MODULE}}}))"


def seen(metric: str, *by: str, call: str = "rate", window: str = "$__rate_interval") -> str:
    """Give the growth of what every replica sees in full, summed by labels."""
    growth = f"max by ({', '.join(('account', 'module', *by))}) ({call}({metric}{{{_MODULE}}}[{window}]))"
    return f"sum by ({', '.join(by)}) ({growth})"


def spent(metric: str, *by: str, call: str = "rate", window: str = "$__rate_interval") -> str:
    """Give the growth of what each replica does for itself, added up by labels."""
    return f"sum by ({', '.join(by)}) ({call}({metric}{{{_ACCOUNT}}}[{window}]))"


def account(metric: str, *by: str, pick: str) -> str:
    """Give a metric of the chosen accounts, one series each."""
    return f"{pick} by ({', '.join(('account', *by))}) ({metric}{{{_ACCOUNT}}})"


def replica(metric: str, *labels: str) -> str:
    """Give one of the exporter's own readings, one series a replica; `metric` is without its prefix."""
    return f"max by ({', '.join(('instance', *labels))}) (zoho_mass_update_exporter_{metric})"


def replica_growth(metric: str, *by: str, call: str = "rate") -> str:
    """Give the growth of one of the exporter's own counts, by labels; `metric` is without its prefix."""
    return f"sum by ({', '.join(by)}) ({call}(zoho_mass_update_exporter_{metric}[$__rate_interval]))"


def process(expression: str) -> str:
    """Keep the exporters' processes: others that Prometheus scrapes have metrics of the same names."""
    return f"max by (instance) ({expression} and on (job, instance) zoho_mass_update_exporter_build_info)"
