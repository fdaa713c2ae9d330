"""The load tester put together: each path with what it does. The paths, payloads and answers are Flagger's.

``/`` takes commands; ``/gate/…`` and ``/rollback/…`` are the gates; ``/event`` hears that a run has ended. Only what
says the same to everybody (``/healthz``, ``/gate/approve``, ``/gate/halt``) needs no login: to ask at a gate may close
it.
"""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.canary.durations import parse_duration
from shared.checks.connections import ask_resolver
from shared.errors import StoreUnavailable
from shared.loadtester.answer import Answer, RefusedRequest
from shared.loadtester.command import Rules
from shared.loadtester.gate_file import GateFile
from shared.loadtester.gates import Gate, Kind, ask, end
from shared.loadtester.hosts import Hosts
from shared.loadtester.login import Login
from shared.loadtester.payload import LARGEST, read_payload
from shared.loadtester.runner import Outcome, Runner, Task
from shared.loadtester.settings import find_programs
from shared.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.loadtester.payload import Payload
    from shared.loadtester.settings import Settings

OPEN_TO_ALL = {
    "/healthz": Answer(200, "OK"),
    "/gate/approve": Answer(200, "OK"),
    "/gate/halt": Answer(403, "Forbidden"),
}
ACCEPTED = Answer(202, "Accepted")

_FLAGGERS_TYPES = ("bash", "concord", "helm", "helmv3", "kubectl", "ngrinder")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: names of ``headers`` are in lower case, ``read`` gives at most so many bytes of its body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    address: str
    read: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class LoadTester:
    """What the load tester works with."""

    settings: Settings
    login: Login
    rules: Rules
    runner: Runner
    gates: GateFile
    clock: Callable[[], datetime]
    log: Log

    def receive(self, call: Call) -> Answer:
        """The answer to a request; a stranger's body is not even read."""
        if call.path in OPEN_TO_ALL:
            return OPEN_TO_ALL[call.path]
        act = self._actions.get(call.path)
        if act is None:
            return Answer(404, f"there is nothing at this path; it may be one of {', '.join(self._actions)}")
        if call.method != "POST":
            return Answer(405, "use POST")
        if not self.login.admits(call.headers, call.address):
            self.log.warning(f"A caller of {call.path} was turned away: {self._who_may_come_in}")
            return Answer(401, f"Unauthorized: {self._who_may_come_in}")
        try:
            return act(read_payload(call.read(LARGEST + 1), self.settings.namespaces))
        except RefusedRequest as refusal:
            self.log.warning(f"{call.path} was refused: {refusal}")
            return refusal.answer
        except StoreUnavailable as error:
            self.log.error(str(error))
            return Answer(503, "try again later")

    @property
    def _actions(self) -> Mapping[str, Callable[[Payload], Answer]]:
        return {
            "/": self._run,
            "/gate/check": lambda payload: self._check(Kind.GATE, payload),
            "/gate/open": lambda payload: self._open(Kind.GATE, payload),
            "/gate/close": lambda payload: self._close(Kind.GATE, payload),
            "/rollback/check": lambda payload: self._check(Kind.ROLLBACK, payload),
            "/rollback/open": lambda payload: self._open(Kind.ROLLBACK, payload),
            "/rollback/close": lambda payload: self._close(Kind.ROLLBACK, payload),
            "/event": self._hear,
        }

    @property
    def _who_may_come_in(self) -> str:
        if self.login.tokens:
            return "send the load tester's token as a Bearer token or as the password in the hook's URL"
        return "no token is set (LOADTESTER_TOKENS), so only callers on loopback come in"

    def _run(self, payload: Payload) -> Answer:
        if not payload.metadata:
            return Answer(400, "metadata not found in payload")
        check_type(payload.metadata.get("type", "cmd"))
        if "cmd" not in payload.metadata:
            return Answer(400, "cmd not found in metadata")
        command = self.rules.read(payload.metadata["cmd"])
        task = Task(str(payload), command, self._seconds(payload), self._logs_output(payload))
        outcome = self.runner.start(task)
        match outcome:
            case Outcome.STARTED:
                return ACCEPTED
            case Outcome.RUNNING:
                self.log.info(f"command skipped {command.shown} {outcome}", str(payload))
                return ACCEPTED
            case Outcome.FULL:
                self.log.warning(f"command refused {command.shown} {outcome}", str(payload))
                return Answer(429, f"{outcome} (at most {self.settings.most_running}): try again later")
            case Outcome.CLOSED:
                return Answer(503, f"{outcome}: try again later")

    def _seconds(self, payload: Payload) -> float:
        """``metadata.timeout``, up to the setting."""
        text = payload.metadata.get("timeout", "")
        seconds = parse_duration(text) if text else self.settings.command_timeout
        if not seconds:
            raise RefusedRequest(400, "metadata.timeout has to be a duration such as 30s or 10m")
        return min(seconds, self.settings.command_timeout)

    def _logs_output(self, payload: Payload) -> bool:
        """``metadata.logCmdOutput``, as Go's ParseBool reads it, or the setting."""
        text = payload.metadata.get("logCmdOutput", "")
        return text in ("1", "t", "T", "true", "TRUE", "True") if text else self.settings.log_output

    def _check(self, kind: Kind, payload: Payload) -> Answer:
        patience = timedelta(seconds=self.settings.gate_timeout)
        now = self.clock()
        gate = self.gates.change(kind, str(payload), lambda gate: ask(gate, payload.run, now, patience))
        self.log.info(f"{payload} {kind} check: approved {str(gate is not None).lower()}", str(payload))
        if gate is None:
            return Answer(403, f"Forbidden: the {kind} of {payload} is closed")
        return Answer(200, "Approved")

    def _open(self, kind: Kind, payload: Payload) -> Answer:
        opened = Gate(self.clock(), payload.run)
        self.gates.change(kind, str(payload), lambda _: opened)
        self.log.info(f"{payload} {kind} opened", str(payload))
        return ACCEPTED

    def _close(self, kind: Kind, payload: Payload) -> Answer:
        self.gates.change(kind, str(payload), lambda _: None)
        self.log.info(f"{payload} {kind} closed", str(payload))
        return ACCEPTED

    def _hear(self, payload: Payload) -> Answer:
        """The end of a run closes what was opened for it."""
        if payload.ended:
            for kind in Kind:
                self.gates.change(kind, str(payload), lambda gate: end(gate, payload.run))
            self.log.info(f"{payload} ended, its gates are closed", str(payload))
        return Answer(200, "OK")


def build(settings: Settings, search: str) -> LoadTester:
    """The load tester for these settings, with programs from ``search`` (as PATH). What runs ends with the process."""
    log = Log()
    runner = Runner(settings.most_running, log)
    atexit.register(runner.close)
    return LoadTester(
        settings=settings,
        login=Login(settings.tokens),
        rules=Rules(find_programs(settings, search), Hosts(settings.hosts, ask_resolver)),
        runner=runner,
        gates=GateFile(Path(settings.gate_file)),
        clock=lambda: datetime.now(UTC),
        log=log,
    )


def check_type(kind: str) -> None:
    """RefusedRequest, with the way out, unless a task of this ``metadata.type`` is run here."""
    if kind in _FLAGGERS_TYPES:
        raise RefusedRequest(
            400,
            f"metadata.type {kind} is not run here: only cmd is, with load generators; run such a test where its "
            "credentials are, and let the hook's URL point there",
        )
    if kind != "cmd":
        raise RefusedRequest(400, f"unknown task type {kind[:80]!r}")
