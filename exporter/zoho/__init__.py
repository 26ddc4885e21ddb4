"""All that is known of Zoho: hosts, OAuth, the one status call, and what its answers mean."""

from exporter.zoho.client import AccountSetup, OpenAccount
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.data_centers import Endpoints, endpoints_of, place_of
from exporter.zoho.editions import EDITIONS
from exporter.zoho.onboarding import INVALID_CLIENT, Client, Device, Grant, Onboarding, await_person
from exporter.zoho.permits import CreditLimits, scarcity
from exporter.zoho.transport import Transport, TransportOptions, tls_context

__all__ = [
    "EDITIONS",
    "INVALID_CLIENT",
    "LABEL_VALUES",
    "AccountSetup",
    "Client",
    "CreditLimits",
    "Device",
    "Endpoints",
    "Grant",
    "Onboarding",
    "OpenAccount",
    "Transport",
    "TransportOptions",
    "await_person",
    "endpoints_of",
    "place_of",
    "scarcity",
    "tls_context",
]
