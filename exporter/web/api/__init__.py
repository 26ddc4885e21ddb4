"""The job API: jobs registered, listed and let go by programs, and the OpenAPI document that tells them how."""

from exporter.web.api.jobs import ACK_PATH, JOB_PATH, JOBS_PATH, acknowledge, forget, list_jobs, register, show
from exporter.web.api.openapi import OPENAPI_PATH, openapi

__all__ = [
    "ACK_PATH",
    "JOBS_PATH",
    "JOB_PATH",
    "OPENAPI_PATH",
    "acknowledge",
    "forget",
    "list_jobs",
    "openapi",
    "register",
    "show",
]
