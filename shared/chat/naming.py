"""How people name a rollout, and which one they mean.

Every full form names exactly one per cluster: ``test/shop``, ``shop.test``, ``east:test/shop``. A shorter one is good
where only one rollout fits it; one that merely contains it is a guess, which is good enough to look, and not to act.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from shared.rollout import RolloutKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Found:
    """The rollouts that a name fits; ``guessed`` if it is only a part of theirs."""

    keys: tuple[RolloutKey, ...]
    guessed: bool = False


def is_pattern(subject: str) -> bool:
    """Whether it names as many as fit: ``*``, ``shop/*``."""
    return "*" in subject


def full_keys(subject: str, clusters: Iterable[str]) -> tuple[RolloutKey, ...]:
    """The keys that ``subject`` would have if it is a full form, without asking anybody."""
    keys = []
    for cluster in clusters:
        rest = subject
        if subject.startswith((f"{cluster.lower()}:", f"{cluster.lower()}/")) and _is_long(subject):
            rest = subject[len(cluster) + 1 :]
        elif ":" in subject:
            continue
        keys += [RolloutKey(cluster, namespace, name) for namespace, name in _split(rest)]
    return tuple(keys)


def find(subject: str, keys: Collection[RolloutKey]) -> Found:
    """The rollouts among ``keys`` that ``subject`` fits best."""
    if is_pattern(subject):
        return Found(tuple(key for key in keys if any(fnmatchcase(form, subject) for form in _forms(key))))
    for fits in (_is_form, _is_name):
        if found := tuple(key for key in keys if fits(subject, key)):
            return Found(found)
    return Found(tuple(key for key in keys if any(subject in form for form in _forms(key))), guessed=True)


def nearest(subject: str, keys: Sequence[RolloutKey]) -> tuple[RolloutKey, ...]:
    """The rollouts that somebody may have meant who made a slip."""
    forms = {form: key for key in keys for form in (*_forms(key), key.name.lower())}
    close = get_close_matches(subject, list(forms), n=SUGGESTED * 2, cutoff=0.6)
    return tuple(dict.fromkeys(forms[form] for form in close))[:SUGGESTED]


def show(key: RolloutKey, clusters: Sequence[str]) -> str:
    """The name that people read, and may type: ``shop.test``, with several clusters ``east:test/shop``."""
    return f"{key.name}.{key.namespace}" if len(clusters) < 2 else f"{key.cluster}:{key.namespace}/{key.name}"


def _forms(key: RolloutKey) -> tuple[str, ...]:
    short = (f"{key.namespace}/{key.name}", f"{key.name}.{key.namespace}")
    forms = (*short, *(f"{key.cluster}{sign}{form}" for sign in (":", "/") for form in short), str(key))
    return tuple(form.lower() for form in forms)


def _is_form(subject: str, key: RolloutKey) -> bool:
    return subject in _forms(key)


def _is_name(subject: str, key: RolloutKey) -> bool:
    return subject == key.name.lower()


def _is_long(subject: str) -> bool:
    return ":" in subject or subject.count("/") > 1 or "." in subject


def _split(text: str) -> list[tuple[str, str]]:
    """Namespace and name, in each way that a full form can be read."""
    for sign in ("/", ":"):
        namespace, found, name = text.partition(sign)
        if found:
            return [(namespace, name)] if namespace and name and "/" not in name and ":" not in name else []
    name, _, namespace = text.rpartition(".")
    return [(namespace, name)] if namespace and name else []
