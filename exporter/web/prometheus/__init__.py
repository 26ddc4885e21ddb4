"""What Prometheus asks for: pages of metrics, of all jobs or of one, and its targets."""

from exporter.web.prometheus.discovery import PROBE_PATH, Targets
from exporter.web.prometheus.jobs_asked import account_asked, faults_of, job_asked
from exporter.web.prometheus.scrapes import explain, metrics, probe

__all__ = ["PROBE_PATH", "Targets", "account_asked", "explain", "faults_of", "job_asked", "metrics", "probe"]
