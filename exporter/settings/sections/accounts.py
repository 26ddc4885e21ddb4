"""The settings of an account: where its organisation lives, who we are there, and what we may spend."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import SecretStr

from exporter.model import Credentials, DataCenter, Environment
from exporter.settings.sections.secret_files import read_secret_file, refuse_unfit
from exporter.settings.sections.section import FilePath, Section
from exporter.settings.sections.values import Parser, choice, parse_base_url, pattern, whole_number

_MOST_CREDITS = 10_000_000


class ApiVersion(StrEnum):
    """The versions of Zoho CRM's API that know the status call."""

    V2 = "v2"
    V2_1 = "v2.1"
    V3 = "v3"
    V4 = "v4"
    V5 = "v5"
    V6 = "v6"
    V7 = "v7"
    V8 = "v8"


BaseUrl = Annotated[str, Parser("a URL of scheme and host", parse_base_url)]
Secret = Annotated[SecretStr, Parser("a secret", refuse_unfit, hides=True)]


class AccountSettings(Section):
    """One Zoho CRM organisation and environment, and the OAuth client that reads it."""

    data_center: Annotated[DataCenter, choice(DataCenter)] | None = None
    """Where the organisation's data lives. Required, unless `accounts_url` and `api_url` are given."""
    environment: Annotated[Environment, choice(Environment)] = Environment.PRODUCTION
    """Which copy of the organisation the refresh token belongs to."""
    api_version: Annotated[ApiVersion, choice(ApiVersion)] = ApiVersion.V8
    """Version of Zoho CRM's API to call."""
    client_id: Annotated[str, pattern("a client id: one word, without spaces", r"[!-~]{1,200}")]
    """The OAuth client's id, from Zoho's API console. Required."""
    client_secret: Secret | None = None
    """The OAuth client's secret. Exactly one of `client_secret` and `client_secret_file` is required."""
    client_secret_file: FilePath | None = None
    """File that holds the OAuth client's secret; read again at every token refresh."""
    refresh_token: Secret | None = None
    """The OAuth refresh token. Exactly one of `refresh_token` and `refresh_token_file` is required."""
    refresh_token_file: FilePath | None = None
    """File that holds the OAuth refresh token; read again at every token refresh."""
    max_concurrency: Annotated[int, whole_number(1, 25)] = 5
    """Calls to Zoho that may be under way at once for this account."""
    daily_credit_budget: Annotated[int | None, whole_number(0, _MOST_CREDITS, unlimited="unlimited")] = 1000
    """Most API credits that the exporter spends on the account in any 24 hours; 0 for no polling."""
    credit_reserve: Annotated[int, whole_number(0, _MOST_CREDITS)] = 500
    """Credits kept for others: while Zoho says fewer remain, polling stops but for a look each hour."""
    accounts_url: BaseUrl | None = None
    """OAuth server, for a data centre that is not in the list; only together with `api_url`."""
    api_url: BaseUrl | None = None
    """API server, for a data centre that is not in the list; only together with `accounts_url`."""

    @property
    def data_center_name(self) -> str:
        """The data centre to show: its word, or `custom` when only URLs are given."""
        return self.data_center or "custom"

    def credentials(self) -> Credentials:
        """Give the credentials as they are now; secret files are read anew at each call.

        Raises:
            ConfigurationError: when a secret file can't be read at this moment.
        """
        return Credentials(
            client_id=self.client_id,
            client_secret=_reveal(self.client_secret, self.client_secret_file),
            refresh_token=_reveal(self.refresh_token, self.refresh_token_file),
        )


def _reveal(secret: SecretStr | None, file: Path | None) -> str:
    if secret is not None:
        return secret.get_secret_value()
    return read_secret_file(file) if file else ""
