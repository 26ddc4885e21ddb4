"""What Prometheus asks for: pages of metrics, of all jobs or of one, its targets, and how long it waits for them."""

from exporter.web.prometheus.discovery import PROBE_PATH, Discovery
from exporter.web.prometheus.jobs_asked import account_asked, faults_of
from exporter.web.prometheus.scrapes import Scrapes, granted_seconds

__all__ = ["PROBE_PATH", "Discovery", "Scrapes", "account_asked", "faults_of", "granted_seconds"]
