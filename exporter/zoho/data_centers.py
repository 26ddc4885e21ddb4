"""Zoho's data centres: where each one's tokens are minted and its CRM API answers.

Source: Zoho CRM v8, Multi-DC support; the SDK's `dc` modules (first eight); accounts' multi-DC page (UK, AE).
"""

from dataclasses import dataclass

from exporter.identity import DataCenter, Environment

_PREFIXES = {Environment.PRODUCTION: "www", Environment.SANDBOX: "sandbox", Environment.DEVELOPER: "developer"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs of one account: scheme and host, no path."""

    accounts_url: str
    api_url: str

    def accepts_api_domain(self, api_domain: str) -> bool:
        """Whether an `api_domain` that Zoho names is this same host, or this host without its `www.`.

        The texts are compared, not what a URL parser makes of them: nothing hostile can hide in a difference.
        """
        ours = {self.api_url, self.api_url.replace("://www.", "://", 1)}
        return api_domain.isascii() and api_domain.lower().removesuffix("/") in ours


# The accounts' domain, and the API's: Canada's accounts live under another name than its API.
# Sandbox and developer hosts of UK and AE are inferred.
_DOMAINS = {
    DataCenter.US: ("accounts.zoho.com", "zohoapis.com"),
    DataCenter.EU: ("accounts.zoho.eu", "zohoapis.eu"),
    DataCenter.IN: ("accounts.zoho.in", "zohoapis.in"),
    DataCenter.AU: ("accounts.zoho.com.au", "zohoapis.com.au"),
    DataCenter.CN: ("accounts.zoho.com.cn", "zohoapis.com.cn"),
    DataCenter.JP: ("accounts.zoho.jp", "zohoapis.jp"),
    DataCenter.CA: ("accounts.zohocloud.ca", "zohoapis.ca"),
    DataCenter.SA: ("accounts.zoho.sa", "zohoapis.sa"),
    DataCenter.UK: ("accounts.zoho.uk", "zohoapis.uk"),
    DataCenter.AE: ("accounts.zoho.ae", "zohoapis.ae"),
}


def endpoints_of(data_center: DataCenter, environment: Environment) -> Endpoints:
    """Give the base URLs of a data centre's environment; the accounts host serves all three environments."""
    accounts, api = _DOMAINS[data_center]
    return Endpoints(f"https://{accounts}", f"https://{_PREFIXES[environment]}.{api}")


def place_of(api_domain: str) -> tuple[DataCenter, Environment] | None:
    """Give the data centre and the environment that an `api_domain` of Zoho's belongs to."""
    places = ((data_center, environment) for data_center in DataCenter for environment in Environment)
    return next((place for place in places if endpoints_of(*place).accepts_api_domain(api_domain)), None)
