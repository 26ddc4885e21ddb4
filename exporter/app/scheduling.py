"""What sends the mass updates of one account, for a command that a person types; no server loads this."""

from dataclasses import replace

from exporter.app.accounts import transport_options
from exporter.app.hosts import endpoints
from exporter.redactor import Redactor
from exporter.settings import Settings
from exporter.zoho.scheduling import Scheduling
from exporter.zoho.transport import Transport, tls_context

_PATIENCE_SECONDS = 60.0
"""An answer that nobody waits for any more leaves open what has become of the records."""


def scheduling(settings: Settings, alias: str, redactor: Redactor) -> Scheduling:
    """Give what sends an account's mass updates, by the network that the settings describe.

    Raises:
        ConfigurationError: the CA certificates can't be read.
    """
    account = settings.accounts[alias]
    reached = endpoints(account)
    options = transport_options(settings, reached, pool_size=1)
    patient = replace(options, timeout_seconds=max(options.timeout_seconds, _PATIENCE_SECONDS))
    return Scheduling(Transport(patient, tls_context(settings.ca_bundle), redactor), reached, account.api_version)
