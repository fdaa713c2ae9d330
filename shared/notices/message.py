"""A notice in the words and the order that all receivers share: title, sentence, facts. Each has its own shape.

Everything in it is plain text: a receiver that knows markup escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.notice import Level, Occasion

if TYPE_CHECKING:
    from datetime import datetime

    from shared.notice import Facts, Notice
    from shared.rollout import RolloutKey


TITLES = {
    Occasion.INITIALIZED: "Ready",
    Occasion.STARTED: "Canary analysis",
    Occasion.PROMOTED: "Promoted",
    Occasion.ROLLED_BACK: "Rolled back",
    Occasion.ABORTED: "Aborted",
    Occasion.WITHDRAWN: "Withdrawn",
    Occasion.STUCK: "Stuck",
    Occasion.WAITING: "Waiting for approval",
}
SIGNS = {Level.INFO: "✅", Level.WARN: "⚠️", Level.ERROR: "❌"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One title with its value; ``short`` ones may stand side by side."""

    title: str
    value: str
    short: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A labelled address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """``name`` is the Canary's, as in the log; ``facts`` are in the order of their weight."""

    id: str
    occasion: Occasion
    level: Level
    at: datetime
    cluster: str
    namespace: str
    canary: str
    text: str
    facts: tuple[Fact, ...]
    links: tuple[Link, ...]
    phase: str
    revision: str
    terms: tuple[Fact, ...]

    @property
    def name(self) -> str:
        """``name.namespace``."""
        return f"{self.canary}.{self.namespace}"

    @property
    def title(self) -> str:
        """One line that says it all: ``Rolled back: frontend.shop``."""
        return f"{TITLES.get(self.occasion, 'Canary')}: {self.name}"


def write_message(key: RolloutKey, notice: Notice, links: tuple[tuple[str, str], ...]) -> Message:
    """The message of ``notice``, about the Canary of ``key``."""
    return Message(
        id=notice.id,
        occasion=notice.occasion,
        level=notice.level,
        at=notice.at,
        cluster=key.cluster,
        namespace=key.namespace,
        canary=key.name,
        text=notice.text,
        facts=(Fact("Canary", f"{key.name}.{key.namespace}"), Fact("Cluster", key.cluster), *list_facts(notice.facts)),
        links=fill_links(links, key, notice.facts.run),
        phase=notice.facts.phase,
        revision=notice.facts.revision,
        terms=tuple(_term(term) for term in notice.facts.terms),
    )


def list_facts(facts: Facts) -> tuple[Fact, ...]:
    """What is known of a run; nothing stands there that nobody knows."""
    found = (
        Fact("Phase", facts.phase),
        Fact("Traffic", facts.traffic),
        Fact("Run", facts.run),
        Fact("Started by", facts.started_by),
        Fact("Image", "\n".join(facts.images), short=False),
        Fact("Config changes", "\n".join(facts.configs), short=False),
        Fact("Failed checks", "\n".join(facts.failed), short=False),
    )
    return tuple(fact for fact in found if fact.value)


def fill_links(links: tuple[tuple[str, str], ...], key: RolloutKey, run: str) -> tuple[Link, ...]:
    """The installation's links, for one run. Names of Kubernetes need no escaping in a URL."""
    named = {"cluster": key.cluster, "namespace": key.namespace, "name": key.name, "run": run}
    return tuple(Link(label, url.format(**named)) for label, url in links)


def _term(text: str) -> Fact:
    title, _, value = text.partition(": ")
    return Fact(title, value, short=False)
