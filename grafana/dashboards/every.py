"""Every dashboard there is; the next one is a line here."""

from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.api import api
from dashboards.fleet import fleet
from dashboards.job import one_job

DASHBOARDS: tuple[Callable[[], Dashboard], ...] = (fleet, one_job, api)
