"""The job API: jobs registered, listed and let go by programs, and the OpenAPI document that tells them how."""

from exporter.web.api.jobs import JOB_PATH, JOBS_PATH, JobApi
from exporter.web.api.openapi import OPENAPI_PATH, openapi_document

__all__ = ["JOBS_PATH", "JOB_PATH", "OPENAPI_PATH", "JobApi", "openapi_document"]
