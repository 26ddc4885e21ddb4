"""Colours and what they mean: one meaning each, in all dashboards.

The colours are those that Okabe and Ito chose to be told apart by people with any of the common kinds of colour
blindness; red against green, the usual pair for bad and good, is not. No panel speaks by colour alone: each has a word
or a number beside it.
"""

from dataclasses import dataclass
from enum import StrEnum

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models


class Colour(StrEnum):
    """The palette by meaning."""

    GOOD = "#009E73"
    BUSY = "#0072B2"
    SOON = "#56B4E9"
    WAITING = "#999999"
    WARNING = "#E69F00"
    BAD = "#D55E00"
    ODD = "#CC79A7"


class Ground(StrEnum):
    """The same below words, which Grafana writes in white or, on what is light enough, in black."""

    GOOD = "#00785A"
    BUSY = "#0072B2"
    SOON = "#8FCDF2"
    WAITING = "#C8C8C8"
    WARNING = "#F5B83D"
    BAD = "#B84F00"
    ODD = "#E3AECB"


STATES = {
    "UNKNOWN": Colour.ODD,
    "SCHEDULED": Colour.WAITING,
    "QUEUED": Colour.SOON,
    "RUNNING": Colour.BUSY,
    "SUSPENDED": Colour.WARNING,
    "COMPLETED": Colour.GOOD,
    "FAILED": Colour.BAD,
}
"""The states in the order of their rank: of two replicas' answers, the later in this list is the newer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a job's end is called beside Zoho's word for it, and its rank between the states."""

    text: str
    colour: Colour
    rank: float


PARTLY_FAILED = Judgement("partly failed", Colour.WARNING, 6.5)
"""COMPLETED, and records were left behind: it stands before COMPLETED and after FAILED."""

OUTCOMES = {"updated": Colour.GOOD, "failed": Colour.BAD, "not updated": Colour.WAITING, "total": Colour.BUSY}
"""What became of records, as series are called."""

FAULTS = {
    "OAUTH_SCOPE_MISMATCH|NO_PERMISSION|AUTHORIZATION_FAILED|FORBIDDEN|(FEATURE_)?NOT_SUPPORTED": Colour.BAD,
    "NOT_FOUND|INVALID_DATA|UNABLE_TO_PARSE_DATA_TYPE": Colour.ODD,
    "INVALID_MODULE|INVALID_URL_PATTERN|INVALID_HOST|API_NOT_SUPPORTED": Colour.ODD,
    "token_refused|INVALID_TOKEN|AUTHENTICATION_FAILURE|UNAUTHORIZED"
    "|invalid_(client|client_secret|code|redirect_uri)|missing_org_info|credentials_unreadable": Colour.WARNING,
    "TOO_MANY_REQUESTS|.*LIMIT_(EXCEEDED|REACHED)|access_denied|mint_limit|too_many_requests": Colour.SOON,
    "timeout|connection|tls|deadline|invalid_response|INTERNAL_(SERVER_)?ERROR|general_error": Colour.BUSY,
    "other|MANDATORY_NOT_FOUND|INVALID_REQUEST_METHOD|REQUIRED_PARAM_MISSING|BAD_REQUEST": Colour.WAITING,
}
"""Why polls and refreshes fail, by what to look at: rights, names, credentials, limits, the way to Zoho, the rest."""

Steps = tuple[tuple[float, Colour], ...]


def value_map(texts: dict[str, tuple[str, Colour]], *, is_ground: bool = False) -> list[models.ValueMapping]:
    """Show a text and a colour for each value; as a ground, the colour is below the text."""
    results = {
        value: models.ValueMappingResult(
            text=text, color=(Ground[colour.name] if is_ground else colour).value, index=index
        )
        for index, (value, (text, colour)) in enumerate(texts.items())
    }
    return [models.ValueMap(options=results)]


def state_map(*, is_ground: bool = False) -> list[models.ValueMapping]:
    """Show the word and the colour of each state's rank."""
    states = {str(rank): (state, colour) for rank, (state, colour) in enumerate(STATES.items(), start=1)}
    partly = {str(PARTLY_FAILED.rank): (PARTLY_FAILED.text, PARTLY_FAILED.colour)}
    return value_map(states | partly, is_ground=is_ground)


def thresholds(base: Colour, steps: Steps = ()) -> builders.ThresholdsConfig:
    """Colour a value by the highest step that it reaches."""
    reached = [models.Threshold(value=value, color=colour.value) for value, colour in steps]
    config = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    return config.steps([models.Threshold(value=None, color=base.value), *reached])
