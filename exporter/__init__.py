"""Prometheus exporter for Zoho CRM mass-update jobs."""

__version__ = "0.1.0"
