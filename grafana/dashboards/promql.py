"""Queries on modules, accounts and the exporters themselves, and whom they choose.

What each replica sees in full (jobs that ended, records) or what holds for the account (its budget, what was used of
it) is taken once. What each does for itself since it started (credits, polls, calls) is added up. No query tells
replicas apart, but those on the exporters themselves.
"""

# Where Prometheus gives no such labels, all finds the series that have none.
OF_TARGET = 'cluster=~"$cluster", namespace=~"$namespace"'
OF_ACCOUNT = f'{OF_TARGET}, account=~"$account"'
OF_MODULE = f'{OF_ACCOUNT}, module=~"$module"'
LOOK_BACK = "10m"
"""As in the recording rules."""


def last(series: str, window: str, at: str = "") -> str:
    """Give the last value of each series within a window; without one, that of the moment. `at` modifies the time."""
    return f"last_over_time({series}[{window}]{at})" if window else f"{series}{at}"


def module(metric: str, *by: str) -> str:
    """Give a metric of the chosen modules, which every replica shows in full, summed by labels."""
    return f"sum by ({', '.join(by)}) (max by ({', '.join(('account', 'module', *by))}) ({metric}{{{OF_MODULE}}}))"


def seen(metric: str, *by: str, call: str = "rate", window: str = "$__rate_interval") -> str:
    """Give the growth of what every replica sees in full, summed by labels."""
    growth = f"max by ({', '.join(('account', 'module', *by))}) ({call}({metric}{{{OF_MODULE}}}[{window}]))"
    return f"sum by ({', '.join(by)}) ({growth})"


def spent(metric: str, *by: str, call: str = "rate", window: str = "$__rate_interval") -> str:
    """Give the growth of what each replica does for itself, added up by labels."""
    return f"sum by ({', '.join(by)}) ({call}({metric}{{{OF_ACCOUNT}}}[{window}]))"


def account(metric: str, *by: str, pick: str) -> str:
    """Give a metric of the chosen accounts, one series each."""
    return f"{pick} by ({', '.join(('account', *by))}) ({metric}{{{OF_ACCOUNT}}})"


def account_or(expression: str, otherwise: int) -> str:
    """Give a number in the place of those that accounts have not, as long as an exporter tells of them."""
    return f"({expression}) or on (account) {otherwise} * {account('zoho_crm_account_info', pick='max')}"


def replica(metric: str, *labels: str) -> str:
    """Give one of the exporter's own readings, one series a replica; `metric` is without its prefix."""
    return f"max by ({', '.join(('instance', *labels))}) (zoho_mass_update_exporter_{metric}{{{OF_TARGET}}})"


def replica_growth(metric: str, *by: str, call: str = "rate") -> str:
    """Give the growth of one of the exporter's own counts, by labels; `metric` is without its prefix."""
    return f"sum by ({', '.join(by)}) ({call}(zoho_mass_update_exporter_{metric}{{{OF_TARGET}}}[$__rate_interval]))"


def process(expression: str) -> str:
    """Keep the exporters' processes: others that Prometheus scrapes have metrics of the same names."""
    return (
        f"max by (instance) ({expression} and on (job, instance) zoho_mass_update_exporter_build_info{{{OF_TARGET}}})"
    )
