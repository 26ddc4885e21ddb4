"""The jobs we watch: which are tracked, when each is due, the polls that keep them fresh, and what there is to say."""

from exporter.jobs.explain import explain_account, explain_job
from exporter.jobs.refresh import Refresher
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import JobTable, Retention

__all__ = ["JobTable", "Refresher", "Retention", "Schedule", "explain_account", "explain_job"]
