"""All that is known of Zoho: hosts, OAuth, the one status call, and what its answers mean."""

from exporter.zoho.client import AccountSetup, OpenAccount
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.data_centers import Endpoints, endpoints_of
from exporter.zoho.editions import EDITIONS
from exporter.zoho.permits import CreditLimits, scarcity
from exporter.zoho.transport import Transport, TransportOptions, tls_context

__all__ = [
    "EDITIONS",
    "LABEL_VALUES",
    "AccountSetup",
    "CreditLimits",
    "Endpoints",
    "OpenAccount",
    "Transport",
    "TransportOptions",
    "endpoints_of",
    "scarcity",
    "tls_context",
]
