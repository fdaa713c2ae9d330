"""Asks what a tick has to ask: rollback hooks, the hooks of the step in their order, every metric, then gates.

A hook that does not pass ends it, as in Flagger: hooks are often what makes the traffic that metrics are about. Metrics
are all asked, so that people see the whole picture. There is one time budget; what it does not suffice for is unknown,
like everything else that was not answered.

It must never raise: an analysis that breaks would take the tick with it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from traceback import format_tb
from typing import TYPE_CHECKING

from shared.canary.durations import parse_template_window
from shared.canary.model import Bounds
from shared.checks import hooks, judge, prometheus
from shared.checks.answer import read_labelled
from shared.checks.counts import LABEL, read_counts, write_counts
from shared.checks.deadline import Deadline
from shared.checks.durations import write_duration
from shared.checks.endpoint import Endpoint, read_endpoint, show_url
from shared.checks.prometheus import MetricsServer
from shared.checks.providers.catalog import find_provider
from shared.checks.providers.provider import Line, Question
from shared.checks.queries import write_query, write_template_query
from shared.checks.sentences import write_halt
from shared.checks.verdict import CheckResult, Verdict
from shared.errors import CheckUnavailable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.canary.model import Canary, Hook, Metric
    from shared.checks.subject import Subject
    from shared.checks.transport import Http

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clients:
    """What checks are made with: the ``server`` of the settings, and a ``budget`` of seconds for one whole analysis."""

    http: Http
    server: MetricsServer
    budget: float = 20.0


def analyse(subject: Subject, clients: Clients) -> tuple[CheckResult, ...]:
    """The answers in the order of asking."""
    analysis, questions = _Analysis(subject, clients, Deadline.after(clients.budget)), subject.questions
    urgent = analysis.ask_rollback(questions.rollback)
    if any(answer.verdict is Verdict.ABORT for answer in urgent):
        return urgent
    answers = analysis.ask_in_turn(questions.hooks)
    if questions.metrics and _all_passed(answers):
        answers = (*answers, *chain.from_iterable(map(analysis.ask_metric, subject.canary.analysis.metrics)))
    if _all_passed(answers):
        answers = (*answers, *analysis.ask_in_turn(questions.gates))
    return (*urgent, *answers)


def choose_server(canary: Canary, default: MetricsServer) -> MetricsServer:
    """The server of ``spec.metricsServer``, which never gets the default's identity, or the default."""
    own = canary.metrics_server
    if own is None or _is_at(own, default.url):
        return default
    return MetricsServer(own, limit=default.limit)


@dataclass(frozen=True, slots=True)
class _Analysis:
    subject: Subject
    clients: Clients
    deadline: Deadline

    @property
    def canary(self) -> Canary:
        return self.subject.canary

    def ask_rollback(self, asked: Sequence[Hook]) -> tuple[CheckResult, ...]:
        """The answers up to the first that wants the run to end; one that does not answer silences no other."""
        return self._ask(asked, until=lambda answer: answer.verdict is Verdict.ABORT)

    def ask_in_turn(self, asked: Sequence[Hook]) -> tuple[CheckResult, ...]:
        """The answers up to the first that does not pass."""
        return self._ask(asked, until=lambda answer: answer.verdict is not Verdict.PASS)

    def _ask(self, asked: Sequence[Hook], until: Callable[[CheckResult], bool]) -> tuple[CheckResult, ...]:
        answers: list[CheckResult] = []
        for hook in asked:
            answers.append(self._ask_hook(hook))
            if until(answers[-1]):
                break
        return tuple(answers)

    def _ask_hook(self, hook: Hook) -> CheckResult:
        unknown = CheckResult(hook.name, str(hook.type), Verdict.UNKNOWN, query=show_url(hook.url))
        facts = self.subject.questions.facts
        return self._settle(
            unknown,
            f"{write_halt(self.canary, hook)} did not answer",
            lambda: hooks.call_hook(self.canary, hook, facts, self.clients.http, self.deadline),
        )

    def ask_metric(self, metric: Metric) -> Iterator[CheckResult]:
        """Its bounds, its comparison with the primary, or both."""
        if metric.bounds != Bounds():
            yield self._write_and_ask(metric, judge.KIND, self._ask_template if metric.template else self._ask_server)
        if metric.comparison:
            yield self._write_and_ask(metric, judge.COMPARISON, self._compare)

    def _write_and_ask(
        self, metric: Metric, kind: str, ask: Callable[[Metric, CheckResult], CheckResult]
    ) -> CheckResult:
        unknown = CheckResult(metric.name, kind, Verdict.UNKNOWN, bounds=judge.show_bounds(metric.bounds))
        try:
            return ask(metric, unknown)
        except InvalidInput as error:
            return replace(unknown, text=f"Halt {self.canary} advancement {error}", query=metric.query or "")

    def _compare(self, metric: Metric, unknown: CheckResult) -> CheckResult:
        questions = self.subject.questions
        if questions.facts.weight >= 100:
            text = f"{metric.name} is not compared: the primary gets no traffic"
            return replace(unknown, verdict=Verdict.PASS, text=text)
        window = parse_template_window(metric.interval) or 0.0
        query = write_counts(self.canary, metric, max(questions.age, window))
        server = choose_server(self.canary, self.clients.server)
        return self._settle(
            replace(unknown, query=query),
            f"Metrics server {show_url(server.url)} query failed",
            lambda: replace(self._judge_counts(metric, server, query), query=query),
        )

    def _judge_counts(self, metric: Metric, server: MetricsServer, query: str) -> CheckResult:
        read = partial(read_labelled, label=LABEL)
        found = prometheus.ask_for(read, server, query, self.clients.http, self.deadline)
        return judge.judge_comparison(self.canary, metric, read_counts(found, metric), self.subject.questions)

    def _ask_server(self, metric: Metric, unknown: CheckResult) -> CheckResult:
        query = write_query(self.canary, metric)
        server = choose_server(self.canary, self.clients.server)
        return self._settle(
            replace(unknown, query=query),
            f"Metrics server {show_url(server.url)} query failed",
            lambda: judge.judge_metric(
                self.canary, metric, prometheus.ask(server, query, self.clients.http, self.deadline), query
            ),
        )

    def _ask_template(self, metric: Metric, unknown: CheckResult) -> CheckResult:
        ref = metric.template
        source = self.subject.sources.get(ref, f"{ref} was not read") if ref else ""
        if isinstance(source, str):
            return replace(unknown, text=f"Halt {self.canary} advancement {source}")
        query = write_template_query(self.canary, metric, source.template)
        question = Question(source, query, parse_template_window(metric.interval) or 0.0, time.time())
        line = Line(self.clients.http, self.deadline, self.subject.metrics)
        return self._settle(
            replace(unknown, query=query),
            f"Metric {metric.name} of {ref} query failed",
            lambda: judge.judge_metric(
                self.canary, metric, find_provider(source.template.provider.type)(question, line), query
            ),
        )

    def _settle(self, unknown: CheckResult, sentence: str, ask: Callable[[], CheckResult]) -> CheckResult:
        if not self.deadline.left:
            budget = write_duration(self.clients.budget)
            return replace(unknown, text=f"{sentence}: the {budget} for one analysis were used up before its turn")
        try:
            return ask()
        except CheckUnavailable as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  the promise of this module
            reason = f"internal error ({type(error).__name__}), see the log"
            # The place, not the error's text: that may hold a URL or a credential.
            _log.error("%s: %s\n%s", sentence, reason, "".join(format_tb(error.__traceback__)))
        return replace(unknown, text=f"{sentence}: {reason}")


def _all_passed(answers: Iterable[CheckResult]) -> bool:
    return all(answer.verdict is Verdict.PASS for answer in answers)


def _is_at(url: str, other: str) -> bool:
    try:
        here, there = read_endpoint(url), read_endpoint(other)
    except CheckUnavailable:
        return False
    return not here.headers and _address(here) == _address(there)


def _address(endpoint: Endpoint) -> str:
    return endpoint.url.rstrip("/")
