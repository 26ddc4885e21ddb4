"""Prometheus exporter for Zoho CRM mass-update jobs."""

__version__ = "0.1.0"

DOCS_URL = "https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter/blob/main"
"""Where the documentation is to be read: files of the repository, below this address."""
