"""Requests that mean harm, over real HTTP, to all functions as a self-hosted Serin serves them.

Ten rounds, each of strangers first, after whom the store has to hold the same bytes, and then of people who hold a
secret and send what they like. Round for round the memory of the serving process is read.
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.rollout import RolloutKey
from shared.state.open import open_store
from tests.proof import attacks, forbidden
from tests.proof.attacks import CHANGING, INSIDERS, STRANGERS, Attack, Means
from tests.support import slack_people
from tests.support.figures import ROOT, Section, Table
from tests.support.google_identity import Google
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.raw_wire import CLOSED, Wire
from tests.support.rollouts import entry_of, first_version
from tests.support.web import WebServer, make_certificate, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.raw_wire import Outcome

REQUESTS = 102_000
ROUNDS = 10
THREADS = 6
SEED = 20261128
MARGIN_MIB = 32.0
"""How much more memory the last round may leave than the first."""

SLOWEST_SECONDS = 15.0
ALLOWED_5XX = frozenset({501})
"""A transfer coding that the server does not know is answered 501: RFC 9112, 6.1."""

_SECRETS = tuple(each.encode() for each in (attacks.PATH_SECRET, attacks.SCRAPE_TOKEN, slack_people.SECRET))
_BY_TOKEN = tuple(attack for attack in INSIDERS if attack.function in ("event", "tick"))


@dataclass(slots=True)
class Seen:
    """What came back in one thread, or in all together."""

    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        """Take in what another thread saw."""
        self.statuses += other.statuses
        self.slowest = max(self.slowest, other.slowest)
        self.faults += other.faults

    def note(self, attack: Attack, request: bytes, outcome: Outcome) -> None:
        """Keep one answer."""
        self.statuses[attack.function, attack.kind, outcome.status] += 1
        self.slowest = max(self.slowest, outcome.seconds)
        sent = f"{attack.function}, {attack.kind}: {request[:300]!r}"
        if outcome.status >= 500 and outcome.status not in ALLOWED_5XX:
            self.faults.append(f"{outcome.status} for {sent}")
        if outcome.status == 401 and attack in _BY_TOKEN:
            self.faults.append(f"the right token was refused for {sent}")
        if any(secret in outcome.answer and secret not in request for secret in _SECRETS):
            self.faults.append(f"a secret in the answer to {sent}")


@dataclass(slots=True)
class Siege:
    """A served Serin and what is known of it."""

    process: Process
    port: int
    store: Path
    right: str
    wrong: tuple[str, ...]
    trap: WebServer
    seen: Seen = field(default_factory=Seen)
    memory: list[float] = field(default_factory=list)
    changed: int = 0

    def assail(self, kinds: Sequence[Attack], requests: int, seed: str) -> None:
        """Send so many requests of these kinds from all threads."""
        with ThreadPoolExecutor(THREADS) as pool:
            shares = [pool.submit(self._share, kinds, requests // THREADS, f"{seed}-{n}") for n in range(THREADS)]
            for share in shares:
                self.seen.add(share.result())

    def state(self) -> str:
        """A digest of every row of the store."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            return hashlib.sha256("\n".join(connection.iterdump()).encode("utf-8", "surrogatepass")).hexdigest()

    def _share(self, kinds: Sequence[Attack], requests: int, seed: str) -> Seen:
        seen, rng = Seen(), random.Random(seed)  # noqa: S311  a seed has to bring the same requests again
        means = Means(rng, self.trap.url, self.right, self.wrong)
        with closing(Wire(self.port)) as wire:
            for _ in range(requests):
                attack = rng.choice(kinds)
                request = attack.make(means)
                seen.note(attack, request, wire.send_last(request) if attack.last else wire.send(request))
        return seen


def measure(requests: int = REQUESTS) -> Section:
    """Ten rounds of requests, and every address that may not be called."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, besieged(Path(folder)) as siege:
        prove_that_changes_are_seen(siege)
        for number in range(ROUNDS):
            before = siege.state()
            siege.assail(STRANGERS, requests * 6 // 10 // ROUNDS, f"{SEED}-strangers-{number}")
            siege.changed += siege.state() != before
            siege.assail(INSIDERS, requests * 4 // 10 // ROUNDS, f"{SEED}-insiders-{number}")
            siege.memory.append(siege.process.resident_mib())
        leaked = [secret for secret in _SECRETS if secret in siege.process.log.read_bytes()]
        return describe(siege, len(leaked), forbidden.try_all(), time.monotonic() - began)


def prove_that_changes_are_seen(siege: Siege) -> None:
    """With the secret, the request that strangers send does change the store."""
    before = siege.state()
    request = CHANGING.make(Means(random.Random(SEED), siege.trap.url, "", ()))  # noqa: S311
    with closing(Wire(siege.port)) as wire:
        assert wire.send(request).status == 200
    assert siege.state() != before, "a change of an object that a rollout watches left no hint"


@contextmanager
def besieged(folder: Path) -> Iterator[Siege]:
    """All functions in a process of their own, with three rollouts in their store and every secret set."""
    with ExitStack() as running:
        google, trap = running.enter_context(Google()), running.enter_context(WebServer(reply()))
        store, port = folder / "serin.db", free_port()
        _fill(store)
        process = Process(_program(folder, store, port, google), folder)
        right, wrong = google.sign(attacks.CALLER, attacks.AUDIENCE), attacks.forge_tokens(google)
        yield Siege(running.enter_context(process), port, store, right, wrong, trap)


def _fill(store: Path) -> None:
    with closing(open_store(f"sqlite:///{store}")) as opened:
        for name in ("podinfo", "cart", "pay"):
            rollout = replace(first_version(), watches=(f"deployment/{name}",))
            opened.commit(RolloutKey("default", "test", name), rollout, entry_of(rollout))


def _program(folder: Path, store: Path, port: int, google: Google) -> Program:
    make_certificate(folder / "cluster.pem")
    server = {"server": "http://127.0.0.1:1"}
    kubeconfig = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "c", "user": {"token": "x"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    environment = {
        "PYTHONPATH": str(ROOT),
        "MALLOC_ARENA_MAX": "2",  # as in the image
        "GOOGLE": google.url,
        "SERIN_STORE": f"sqlite:///{store}",
        "SERIN_KUBECONFIG": str(folder / "kubeconfig"),
        "SERIN_CALLERS": attacks.CALLER,
        "SERIN_AUDIENCES": attacks.AUDIENCE,
        "SERIN_WEBHOOK_SECRETS": attacks.PATH_SECRET,
        "SERIN_SCRAPE_TOKENS": attacks.SCRAPE_TOKEN,
        "SERIN_SLACK_SIGNING_SECRETS": slack_people.SECRET,
        "SERIN_SLACK_ROLES": json.dumps({"U0ADA": {"*": ["*"]}}),
    }
    argv = (
        sys.executable,
        "-m",
        "tests.proof.guarded_serve",
        "--port",
        str(port),
        "--beat",
        "86400",
        "--sweep",
        "86400",
    )
    return Program("functions", argv, lambda: accepts(port), environment)


def describe(siege: Siege, leaked: int, addresses: Table, seconds: float) -> Section:
    """The section, with a sentence for each bound that does not hold."""
    seen, total = siege.seen, siege.seen.statuses.total()
    called = sum(outcome == forbidden.CALLED for _, outcome in addresses.rows)
    grown = siege.memory[-1] - siege.memory[0]
    bounds = (
        (
            "answers of 5xx but for 501, with a secret in them, or 401 to a right token",
            "0",
            len(seen.faults),
            0,
        ),
        ("rounds of strangers after which the store held other bytes", "0", siege.changed, 0),
        ("secrets in the log", "0", leaked, 0),
        ("visits to the address that Slack's response URLs named", "0", siege.trap.connections, 0),
        ("addresses called that may not be", "0", called, 0),
        (
            "MiB of memory after the last tenth more than after the first",
            f"{MARGIN_MIB:.0f}",
            round(grown, 1),
            MARGIN_MIB,
        ),
        ("seconds to the slowest answer", f"{SLOWEST_SECONDS:.0f}", round(seen.slowest, 1), SLOWEST_SECONDS),
    )
    rows = tuple((what, bound, str(value)) for what, bound, value, _ in bounds)
    broken = [f"{what}: {value}, at most {bound} may be" for what, bound, value, most in bounds if value > most]
    rounds = ", ".join(f"{each:.0f}" for each in siege.memory)
    words = (
        f"{total:,} requests over HTTP to all functions in one process, as `functions.serve` serves them with the "
        f"`MALLOC_ARENA_MAX=2` of its image, in {seconds:.0f} s: six of ten from strangers, four from somebody who has "
        "the webhook's secret, a right identity token, the scrape token or Slack's signing secret, and sends bombs, "
        "damage and nonsense. The same seed brings the same requests again."
    )
    note = (
        "501 is HTTP's own answer to a transfer coding that a server does not know (RFC 9112, 6.1). A slash command of "
        "a strange user or text gets 200 and a sentence for people."
    )
    return Section(
        title="Requests that mean harm",
        words=(words,),
        tables=(
            Table(("function", "requests", "number", "answers"), tuple(_rows(seen.statuses))),
            Table(("what", "at most", "measured"), rows, "What must hold:"),
            replace(
                addresses,
                caption="Addresses that hooks, metrics, notices and Slack may not have Serin call, by default:",
            ),
        ),
        notes=(f"Memory in MiB, round by round: {rounds}.", note),
        broken=(*broken, *seen.faults[:20]),
    )


def _rows(statuses: Counter[tuple[str, str, int]]) -> Iterator[tuple[str, ...]]:
    for attack in (*STRANGERS, *INSIDERS):
        found = {
            status: n
            for (function, kind, status), n in statuses.items()
            if (function, kind) == (attack.function, attack.kind)
        }
        answers = ", ".join(f"{'closed' if status == CLOSED else status}: {n:,}" for status, n in sorted(found.items()))
        yield attack.function, attack.kind, f"{sum(found.values()):,}", answers
