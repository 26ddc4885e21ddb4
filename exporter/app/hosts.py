"""Where an account's Zoho answers."""

from exporter.settings import AccountSettings
from exporter.zoho.data_centers import Endpoints, endpoints_of


def endpoints(account: AccountSettings) -> Endpoints:
    """Give the hosts that an account talks to."""
    if account.data_center is None or (account.accounts_url and account.api_url):
        return Endpoints(account.accounts_url or "", account.api_url or "")
    return endpoints_of(account.data_center, account.environment)
