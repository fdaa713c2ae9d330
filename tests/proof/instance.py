"""One process of Serin: the real parts, put together as the product does, behind one wire.

What it remembers dies with it, as an instance of a cloud function does.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from shared.cluster.gateway import Gateway
from shared.delivery.courier import Courier
from shared.delivery.receivers import Receivers, Webhook
from shared.errors import SerinError
from shared.letters import Postman
from shared.logs import Log
from shared.sweep import sweep
from shared.tick import Parts, tick
from tests.proof.wire import Died, Outward, Wire, WiredHttp, WiredStore, client_through
from tests.support.serin import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import TextIO

    from infra.local.kubernetes.application import Application
    from shared.checks.subject import Subject
    from shared.checks.verdict import CheckResult
    from shared.rollout import RolloutKey
    from shared.state.store import Store
    from tests.proof.court import Watcher
    from tests.proof.wire import Accident


@dataclass(slots=True)
class Surroundings:
    """What every process of an installation has in common. ``answer`` is what hooks and metrics say to a question, and
    what is made of it when they do not answer.
    """

    application: Application
    store: Store
    key: RolloutKey
    clock: Callable[[], datetime]
    answer: Callable[[Subject, bool], tuple[CheckResult, ...]]


class Pages:
    """Log lines as they are written: a fault of Serin's own is one, and nothing else would tell of it."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def write(self, line: str) -> int:
        """One line."""
        if "Fault in Serin" in line:
            self.faults.append(str(json.loads(line)["msg"]))
        return len(line)

    def flush(self) -> None:
        """At once."""


@dataclass(slots=True)
class Instance:
    """A process. It is replaced by another when it died."""

    surroundings: Surroundings
    witness: Watcher
    pages: Pages = field(default_factory=Pages)
    wire: Wire = field(init=False)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        around, self.wire = self.surroundings, Wire(self.witness)
        client, http, log = (
            client_through(around.application, self.wire),
            WiredHttp(self.wire),
            Log(cast("TextIO", self.pages)),
        )
        self.parts = Parts(
            store=cast("Store", WiredStore(around.store, self.wire)),
            gateway=lambda _: Gateway(client),
            analyse=self._analyse,
            postman=Postman(http, log),
            clock=around.clock,
            log=log,
            keys=(SECRET,),
            courier=Courier(Receivers(webhook=Webhook("http://chat.test/", "#shop", "serin"), trusted=http)),
            namespaces=(around.key.namespace,),
        )

    def tick(self, accident: Accident | None = None) -> bool:
        """One tick, if the rollout is due; whether the process lived."""
        return self._live(accident, lambda: tick(self.parts, self.surroundings.key))

    def sweep(self, accident: Accident | None = None) -> bool:
        """One sweep; whether the process lived."""
        return self._live(accident, lambda: sweep(self.parts, self.surroundings.key.cluster))

    def _live(self, accident: Accident | None, work: Callable[[], object]) -> bool:
        self.wire.expect(accident)
        try:
            with suppress(SerinError):  # a function answers 503 then, and the next call of it is the retry
                work()
        except Died:
            self._begin()
            return False
        self.wire.expect(None)
        return True

    def _analyse(self, subject: Subject) -> tuple[CheckResult, ...]:
        answer = self.surroundings.answer
        found = self.wire.call(Outward("checks"), lambda: answer(subject, True), lambda _: answer(subject, False))
        self.witness.heard(found)
        return found
