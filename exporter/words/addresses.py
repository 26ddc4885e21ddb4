"""Addresses of a job's pages. Pure."""

from urllib.parse import quote, urlencode

from exporter.model import JobKey, TrackedJob


def job_url(key: JobKey) -> str:
    """Give the address of a job's own page."""
    return f"/jobs/{_path(key)}"


def explain_url(key: JobKey) -> str:
    """Give the address that says why a job shows what it shows."""
    query = {"account": key.account, "crm_module": key.module, "job_id": key.job_id}
    return f"/explain?{urlencode(query, errors='replace')}"


def acknowledge_url(job: TrackedJob) -> str:
    """Give the address that takes note of how a job ended, seen from the first page; empty where nobody has to.

    It works whatever prefix a proxy has put before it.
    """
    if job.is_acknowledged or not job.has_ended_badly:
        return ""
    return f"api/v1/jobs/{_path(job.spec.key)}/ack"


def _path(key: JobKey) -> str:
    return "/".join(quote(part, safe="", errors="replace") for part in (key.account, key.module, key.job_id))
