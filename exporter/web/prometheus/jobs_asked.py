"""Which job a request is about: checked before anything else looks at it."""

import re

from starlette.datastructures import QueryParams

from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, JobKey
from exporter.web.contract import Exporter

ACCOUNT, MODULE, JOB_ID = "account", "crm_module", "job_id"
"""The parameters that name a job; Prometheus' own `module` label is another thing, hence `crm_module`."""


def job_asked(query: QueryParams, exporter: Exporter) -> tuple[JobKey, tuple[str, ...]]:
    """Give the job that a query names, and what is wrong with it; a key with faults must not be used."""
    key = JobKey(account_asked(query.get(ACCOUNT, ""), exporter), query.get(MODULE, ""), query.get(JOB_ID, ""))
    twice = tuple(f"{name}: is there twice" for name in (ACCOUNT, MODULE, JOB_ID) if len(query.getlist(name)) > 1)
    return key, twice or faults_of(key, exporter)


def account_asked(named: str, exporter: Exporter) -> str:
    """Give the account that is named, or the only one there is where none is; empty where that leaves a choice."""
    accounts = exporter.accounts
    return named or (next(iter(accounts)) if len(accounts) == 1 else "")


def faults_of(key: JobKey, exporter: Exporter) -> tuple[str, ...]:
    """Say what is wrong with a job's identity: an account that is not configured, a malformed module or id."""
    faults = []
    if key.account not in exporter.accounts:
        faults.append(f"{ACCOUNT}: expected one of {', '.join(sorted(exporter.accounts))}")
    if not re.fullmatch(MODULE_PATTERN, key.module):
        faults.append(f"{MODULE}: expected a module's API name, such as Leads")
    if not re.fullmatch(JOB_ID_PATTERN, key.job_id):
        faults.append(f"{JOB_ID}: expected the digits that Zoho gave, such as 3524033000006027001")
    return tuple(faults)
