"""The organisation: its jobs, modules and limits, its accounts server, and every word that Zoho says of them."""

from exporter.simulator.crm.answers import iso_time, status_answer
from exporter.simulator.crm.consent import DEVICE_PAGE, ConsentDesk, ConsentRules
from exporter.simulator.crm.limits import ConcurrencyGate, CreditLedger
from exporter.simulator.crm.metadata import PATHS, describe
from exporter.simulator.crm.oauth import Credentials, TokenDesk, TokenLimits
from exporter.simulator.crm.organisation import Organisation
from exporter.simulator.crm.refusals import ApiError, OAuthError, UnknownJob, documented_error, oauth_refusal
from exporter.simulator.crm.scheduling import schedule
from exporter.simulator.crm.scopes import READ, UPDATE, allows
from exporter.simulator.crm.timeline import JobScript, Phase, SimulatedJob, State, Status, is_digits

__all__ = [
    "DEVICE_PAGE",
    "PATHS",
    "READ",
    "UPDATE",
    "ApiError",
    "ConcurrencyGate",
    "ConsentDesk",
    "ConsentRules",
    "Credentials",
    "CreditLedger",
    "JobScript",
    "OAuthError",
    "Organisation",
    "Phase",
    "SimulatedJob",
    "State",
    "Status",
    "TokenDesk",
    "TokenLimits",
    "UnknownJob",
    "allows",
    "describe",
    "documented_error",
    "is_digits",
    "iso_time",
    "oauth_refusal",
    "schedule",
    "status_answer",
]
