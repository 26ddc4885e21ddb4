"""Jobs as they are named on the command line: ACCOUNT/MODULE/JOB_ID, without the account where there is no choice."""

import re

from exporter.cli.jobs.client.exporter_client import ExporterClient, ExporterRefusedError
from exporter.cli.jobs.client.reading import job_of
from exporter.files import refused
from exporter.forms import JOB_ID, MODULE, job_id_advice, module_advice
from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, JobKey

_PARTS = 2, 3


def read_key(word: str) -> JobKey:
    """Give the job that a word names; its account is empty where none is named.

    Raises:
        ConfigurationError: it names none.
    """
    parts = word.split("/")
    if len(parts) not in _PARTS or not parts[0]:
        raise refused(word, "expected ACCOUNT/MODULE/JOB_ID, or MODULE/JOB_ID where there is one account")
    *account, module, job_id = parts
    if not re.fullmatch(MODULE_PATTERN, module):
        raise refused(word, f'"{module}" is not {MODULE}{module_advice(module)}')
    if not re.fullmatch(JOB_ID_PATTERN, job_id):
        raise refused(word, f'"{job_id}" is not {JOB_ID}{job_id_advice(job_id)}')
    return JobKey("".join(account), module, job_id)


def found_key(key: JobKey, client: ExporterClient) -> JobKey:
    """Give a job with its account: where none is named, that of the one such job that the exporter tracks.

    Raises:
        ExporterRefusedError: it tracks none, or several.
        NoExporterError: nobody answers there.
    """
    if key.account:
        return key
    known = [job_of(shown).spec.key for shown in client.jobs()]
    accounts = [one.account for one in known if (one.module, one.job_id) == (key.module, key.job_id)]
    match accounts:
        case [account]:
            return JobKey(account, key.module, key.job_id)
        case []:
            if client.warnings:
                missing = f"{key.module}/{key.job_id} is not among the jobs that it knows."
                raise ExporterRefusedError(503, f"{client.url}: {missing} {' '.join(client.warnings)}")
            raise untracked(client, f"{key.module}/{key.job_id}")
    named = " or ".join(f"{account}/{key.module}/{key.job_id}" for account in accounts)
    raise ExporterRefusedError(409, f"{client.url}: several accounts have this job: name one, as in {named}")


def untracked(client: ExporterClient, name: object) -> ExporterRefusedError:
    """Give the error of a job that the exporter does not track."""
    return ExporterRefusedError(404, f"{client.url}: {name} is not tracked")
