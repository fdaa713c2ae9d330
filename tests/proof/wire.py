"""What lies between one process of Serin and everything outside of it: every call goes through one wire, in order, and
any of them may be where the process dies, where no answer comes, or where somebody else gets in between.

It must never change what a call says or brings back, other than by the accident that was asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, cast

from kubernetes.client import ApiClient, Configuration
from kubernetes.client.rest import RESTResponse
from urllib3.exceptions import ProtocolError

from infra.local.kubernetes.request import Request, parse_target
from shared.checks.allowlist import Egress
from shared.checks.transport import Answer, Call, Http, Patience, TransportFailed
from shared.errors import SerinError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.client.rest import RESTClientObject

    from infra.local.kubernetes.application import Application
    from shared.history import Entry
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store

T = TypeVar("T")


class Died(BaseException):
    """The process is gone: nothing may catch it."""


class Kind(StrEnum):
    """What happens at a call."""

    DIES_BEFORE = "died before"
    DIES_AFTER = "died after"
    UNREACHED = "not reached"
    UNANSWERED = "done, not answered"
    BUSY = "answered 503"
    THROTTLED = "answered 429"
    INTERRUPTED = "interrupted"


_NOT_DONE = (Kind.UNREACHED, Kind.BUSY, Kind.THROTTLED)


@dataclass(slots=True)
class Accident:
    """At the call number ``at`` of a process (from 0), or at the first of that name, something happens. ``meanwhile``
    is what gets in between. ``met`` names the call, once it happened.
    """

    kind: Kind
    at: int | str
    meanwhile: Callable[[], None] = lambda: None
    met: str = ""


class Witness(Protocol):
    """Who sees every call, and what became of it in truth, whatever the process hears."""

    def asked(self, call: Outward) -> None:
        """It is about to be made."""

    def done(self, call: Outward, answer: Any) -> None:
        """It was done, and this was answered."""

    def failed(self, call: Outward) -> None:
        """The process hears that it failed, or nothing. It may have been done."""


@dataclass(frozen=True, slots=True)
class Outward:
    """One call: ``what`` for people (``PUT virtualservices``, ``store commit``), and what it carries."""

    what: str
    path: str = ""
    body: Any = None

    @property
    def writes(self) -> bool:
        """Whether it changes the cluster."""
        return self.what.startswith(("POST ", "PUT ", "PATCH ", "DELETE "))


@dataclass(slots=True)
class Wire:
    """The calls of one process, counted since the last :meth:`expect`."""

    witness: Witness
    accident: Accident | None = None
    calls: int = field(default=0, init=False)

    def expect(self, accident: Accident | None) -> None:
        """From the next call on, this is to happen; None: nothing."""
        self.accident, self.calls = accident, 0

    def call(self, outward: Outward, work: Callable[[], T], lost: Callable[[str], T]) -> T:
        """What ``work`` brings, or what ``lost`` makes of no answer (it may raise)."""
        kind = self._kind(outward)
        self.witness.asked(outward)
        if kind is Kind.DIES_BEFORE:
            raise Died
        if kind in _NOT_DONE:
            self.witness.failed(outward)
            return lost(kind)
        try:
            found = work()
        except SerinError:
            self.witness.failed(outward)
            raise
        self.witness.done(outward, found)
        if kind is Kind.DIES_AFTER:
            raise Died
        if kind is Kind.UNANSWERED:
            self.witness.failed(outward)
            return lost(kind)
        return found

    def _kind(self, outward: Outward) -> Kind | None:
        """What happens now, if anything does. An interruption is over when the call is made."""
        accident, number = self.accident, self.calls
        self.calls += 1
        if accident is None or accident.met or accident.at not in (number, outward.what):
            return None
        accident.met = outward.what
        if accident.kind is Kind.INTERRUPTED:
            accident.meanwhile()
        return accident.kind


class Direct:
    """The embedded API without a socket, in the place of the official client's ``rest_client``."""

    def __init__(self, application: Application, wire: Wire) -> None:
        self._application, self._wire = application, wire

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,  # noqa: ARG002  the client names it
        _request_timeout: Any = None,
    ) -> RESTResponse:
        """One request; its answer may be any HTTP status."""
        path, query = parse_target(url.removeprefix("http://embedded"))
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(method, path, query, lower, _encoded(body), "serin")
        return self._wire.call(Outward(f"{method} {_resource(path)}", path, body), lambda: self._ask(request), _no_api)

    def _ask(self, request: Request) -> RESTResponse:
        answer = self._application.handle(request)
        return RESTResponse(_Raw(answer.status, answer.body, dict(answer.headers)))


@dataclass(frozen=True, slots=True)
class _Raw:
    """What the official client's ``RESTResponse`` wraps."""

    status: int
    data: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def client_through(application: Application, wire: Wire) -> ApiClient:
    """The official client, whose requests go through the wire."""
    client = ApiClient(Configuration(host="http://embedded"))
    client.rest_client = cast("RESTClientObject", Direct(application, wire))
    return client


class WiredStore:
    """A store whose calls of a tick go through the wire; the rest passes."""

    def __init__(self, whole: Store, wire: Wire) -> None:
        self._whole, self._wire = whole, wire

    def load(self, key: RolloutKey) -> Rollout | None:
        return self._wire.call(Outward("store load"), lambda: self._whole.load(key), _no_store)

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        outward = Outward("store commit", str(key), rollout)
        self._wire.call(outward, partial(self._whole.commit, key, rollout, entry), _no_store)

    def delete(self, key: RolloutKey) -> None:
        self._wire.call(Outward("store delete"), partial(self._whole.delete, key), _no_store)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


class WiredHttp(Http):
    """Hooks and chats that take whatever they are told, if it reaches them."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(Egress(("*",)))
        self._wire = wire

    def send(self, call: Call, patience: Patience) -> Answer:  # noqa: ARG002  nobody waits
        """See Http."""
        what = "event hook" if "event" in call.url else "chat"
        return self._wire.call(Outward(what), lambda: Answer(200, b"ok", complete=True), _no_listener)


def _no_api(kind: str) -> RESTResponse:
    if kind in (Kind.BUSY, Kind.THROTTLED):
        return RESTResponse(_Raw(503 if kind is Kind.BUSY else 429, b'{"message": "not now"}'))
    raise ProtocolError("Connection aborted.")


def _no_store(kind: str) -> NoReturn:
    raise StoreUnavailable(f"the store was {kind}")


def _no_listener(kind: str) -> NoReturn:
    raise TransportFailed(kind)


def _encoded(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def _resource(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    parts = parts[2:] if parts[0] == "namespaces" and len(parts) > 2 else parts
    return "/".join((parts[0], *parts[2:]))
