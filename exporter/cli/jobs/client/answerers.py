"""Who says how a job is: a running exporter, or Zoho itself."""

import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from exporter.cli.command import PROGRAM
from exporter.cli.commands import NAMED
from exporter.cli.ending import LateError
from exporter.cli.jobs.client.exporter_client import (
    URL_VARIABLE,
    ExporterClient,
    ExporterRefusedError,
    NoExporterError,
    client_of,
)
from exporter.cli.jobs.client.names import found_key
from exporter.cli.jobs.client.reading import job_of
from exporter.cli.jobs.exits import NO_TOKEN
from exporter.cli.output import say
from exporter.model import JobKey, Pause, TrackedJob
from exporter.words.addresses import explain_url
from exporter.words.phrases import counted

if TYPE_CHECKING:
    from exporter.app.direct import Direct


_KEPT_OUT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Answerer(Protocol):
    """Knows how one job is. For one thread."""

    is_polling: bool
    """Whether the job is polled again by itself."""

    def look(self) -> TrackedJob:
        """Have the job polled if it is due, and give what is known of it; the first time say who answers.

        Raises:
            NoExporterError: nobody answers there.
            ExporterRefusedError: the exporter does not do that.
            ConfigurationError: what is kept of Zoho's answers can't be used.
        """

    def shown(self) -> Mapping[str, Any]:
        """Give the last look as the API shows it."""

    def bill(self) -> tuple[str, ...]:
        """Say what the looks have cost; nothing where that is not ours to say."""

    def reasons(self, job: TrackedJob) -> tuple[str, ...]:
        """Say why a job shows what it shows."""


class ByExporter:
    """The exporter answers: it is asked for a poll if one is due, as a scrape asks."""

    is_polling = True

    def __init__(self, options: Namespace, client: ExporterClient, key: JobKey) -> None:
        self._options, self._client, self._key = options, client, key
        self._shown: Mapping[str, Any] = {}
        self._has_answered = False

    def look(self) -> TrackedJob:
        """Ask the exporter."""
        try:
            self._key = found_key(self._key, self._client)
            job = self._ask()
            if not job.is_terminal and self._poll():
                job = self._ask()
        except ExporterRefusedError as error:
            raise ExporterRefusedError(error.status, f"{error}{self._advice(error)}") from error
        if not self._has_answered:
            self._has_answered = True
            say(f"The exporter at {self._client.url} answers.", *self._client.warnings)
        return job

    def shown(self) -> Mapping[str, Any]:
        """Give the API's own answer."""
        return self._shown

    def bill(self) -> tuple[str, ...]:
        """Say nothing: what it spends is its schedule's."""
        return ()

    def reasons(self, job: TrackedJob) -> tuple[str, ...]:
        """Say where it is told."""
        return (f"Why: {self._client.url}{explain_url(job.spec.key)}",)

    def _poll(self) -> bool:
        """Say whether it let itself be asked: who may use the API may be refused a probe, as its scrapers poll too."""
        try:
            self._client.poll(self._key)
        except ExporterRefusedError as error:
            if error.status not in _KEPT_OUT:
                raise
            return False
        return True

    def _ask(self) -> TrackedJob:
        self._shown = self._client.job(self._key)
        return job_of(self._shown, self._key)

    def _advice(self, error: ExporterRefusedError) -> str:
        name = "/".join(filter(None, (self._key.account, self._key.module, self._key.job_id)))
        directly = Namespace(**{**vars(self._options), "direct": "true"})
        once = f"to ask Zoho for it: {NAMED['status'].line(directly, name)}"
        if error.status == HTTPStatus.NOT_FOUND:
            return f"\n  to have it watched: {NAMED['track'].line(self._options, name)}\n  {once}"
        return f"\n  {once}" if error.status in _KEPT_OUT else ""


class Directly:
    """Zoho answers, for a credit each time."""

    def __init__(self, direct: "Direct", key: JobKey, why: str, *, is_polling: bool) -> None:
        self._direct, self._key, self._why = direct, key, why
        self._job: TrackedJob | None = None
        self.is_polling = is_polling

    def look(self) -> TrackedJob:
        """Ask Zoho; after the first time only when it is due."""
        if self._job is None:
            say(f"Zoho is asked{self._why}.")
        try:
            job = self._direct.look(self._key, is_first=self._job is None)
        except LateError as late:
            raise LateError("Zoho has not answered") from late
        self._job = _with_its_fault(job, self._direct.token_pause)
        return self._job

    def shown(self) -> Mapping[str, Any]:
        """Write what is known as the API would."""
        from exporter.web.api.schemas import JobWithHistoryView  # noqa: PLC0415 - the exporter's own answer needs none

        return JobWithHistoryView.model_validate(self._job).model_dump(mode="json")

    def bill(self) -> tuple[str, ...]:
        """Tell credits and tokens."""
        spent, most = self._direct.spent, "up to " if self._direct.is_cut_off else ""
        return (f"This took {most}{counted(spent.credits, 'API credit')} and {counted(spent.tokens, 'access token')}.",)

    def reasons(self, _: TrackedJob) -> tuple[str, ...]:
        """Tell them."""
        return self._direct.explained


def _with_its_fault(job: TrackedJob, pause: Pause | None) -> TrackedJob:
    """Name the fault itself where no access token came for one that passes: then Zoho has refused nothing."""
    from exporter.zoho.oauth import FAILED_TO_ASK, PASSING_REFUSALS  # noqa: PLC0415 - of Zoho's own answers alone

    is_tokens = job.failure is not None and job.failure.code == NO_TOKEN
    if job.failure is None or not is_tokens or pause is None:
        return job
    is_passing = pause.reason in {*FAILED_TO_ASK, *PASSING_REFUSALS}
    return replace(job, failure=replace(job.failure, code=pause.reason)) if is_passing else job


def answering(options: Namespace, key: JobKey) -> Answerer:
    """Find who answers: the exporter, or Zoho where that is wanted, or nobody else is there and no other was named.

    Raises:
        ConfigurationError: flags or settings are wrong.
    """
    if options.direct is not None:
        return by_zoho(options, key, " directly")
    client = client_of(options)
    if not (getattr(options, "exporter.url") or os.environ.get(URL_VARIABLE)):
        try:
            client.look()
        except NoExporterError as error:
            return _instead(options, key, error)
        except ExporterRefusedError:
            pass  # it is there, and says the same of the job
    return ByExporter(options, client, key)


def _instead(options: Namespace, key: JobKey, error: NoExporterError) -> Answerer:
    """Have Zoho answer where nobody else does, and say so first where that can't be either."""
    from exporter.errors import ConfigurationError  # noqa: PLC0415 - where an exporter answers, it is not needed

    try:
        return by_zoho(options, key, f", as {error}")
    except ConfigurationError:
        say(f"{PROGRAM}: {error}: {error.advice}. Zoho can't be asked either:")
        raise


def by_zoho(options: Namespace, key: JobKey, why: str) -> Directly:
    """Give Zoho's own answers; `why` it is asked.

    Raises:
        ConfigurationError: the settings are wrong, or do not have the account.
    """
    from exporter.app.direct import Direct  # noqa: PLC0415 - where an exporter answers, none of it is needed
    from exporter.cli.given import account_named, settings_of, start_logging  # noqa: PLC0415

    settings = settings_of(options)
    alias = account_named(key.account, settings, key.account or "JOB")
    named = JobKey(alias, key.module, key.job_id)
    return Directly(
        Direct(settings, alias, start_logging(settings, "error")), named, why, is_polling=options.watch is not None
    )
