"""What asks Zoho's accounts servers before there is an account, or after: the settings say how they are reached."""

from exporter.app.accounts import transport_options
from exporter.app.hosts import endpoints
from exporter.model import DataCenter, Environment
from exporter.redactor import Redactor
from exporter.settings import Settings
from exporter.zoho.data_centers import endpoints_of
from exporter.zoho.onboarding import Onboarding
from exporter.zoho.transport import Transport, tls_context


def onboarding(settings: Settings, redactor: Redactor) -> Onboarding:
    """Give what asks any data centre's accounts server, and those that the settings name.

    Raises:
        ConfigurationError: the CA certificates can't be read.
    """
    known = (endpoints_of(data_center, Environment.PRODUCTION) for data_center in DataCenter)
    reached = (*known, *map(endpoints, settings.accounts.values()))
    options = transport_options(settings, *reached, pool_size=len(DataCenter))
    return Onboarding(Transport(options, tls_context(settings.ca_bundle), redactor))
