"""What a target is made of, as hashes: how a new revision is recognised, whoever asks and whichever Serin hashed it.

A hash is taken over the JSON that the API returns (sorted keys, no spaces, unset fields dropped) and starts with its
scheme: the version of the recipe and, for Secrets, a short id of the installation's key. Replicas and status never
count: only the pod template and the configs do.

Hashes of different schemes say nothing about each other. So an object is hashed in every scheme that this Serin knows
and compared in that of the recorded hash: neither an upgrade nor a new key starts a rollout or hides a change. Only
what was recorded in a scheme that is known no more is taken for unchanged, once.

It must never let a Secret's value out, not even as a plain hash: anyone could try likely passwords against that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.rollout import Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout

Forms: TypeAlias = tuple[str, ...]
"""The hashes of one object, one for each scheme that is known; the first is the one that is recorded."""

TRACKING = "flagger.app/config-tracking"
"""Annotation of a ConfigMap or Secret; a value that starts with ``disable`` keeps it out (Flagger's own annotation)."""

TRACKED_SECRETS = frozenset({"Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"})
"""Types of Secret that belong to a revision. Tokens and registry logins do not, as in Flagger: they rotate alone."""


class ConfigKind(StrEnum):
    """What a pod can take its configuration from; the words of Flagger's ``status.trackedConfigs``."""

    CONFIGMAP = "configmap"
    SECRET = "secret"  # noqa: S105  a kind, not a password


@dataclass(frozen=True, slots=True, order=True)
class ConfigRef:
    """A ConfigMap or Secret that a pod template names. ``optional`` if the pods start without it."""

    kind: ConfigKind
    name: str
    optional: bool = False

    def __str__(self) -> str:
        """``configmap/x`` or ``secret/x``: the key in ``status.trackedConfigs``."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class ConfigMention:
    """One place of a pod template that names a config: ``node[field]`` is the name."""

    kind: ConfigKind
    node: JsonObject
    field: str

    @property
    def name(self) -> str:
        """The name that stands there."""
        return str(self.node[self.field])


def config_mentions(template: Json) -> Iterator[ConfigMention]:
    """Every place of a pod template that names a ConfigMap or Secret: volumes, projected ones, env and envFrom.

    Init containers count; ``imagePullSecrets`` do not: they are how the image is fetched, not what the app runs with.
    """
    spec = template.get("spec") or {}
    for volume in spec.get("volumes") or ():
        yield from _in_volume(volume)
    for container in chain(spec.get("initContainers") or (), spec.get("containers") or ()):
        yield from _in_container(container)


def tracked_refs(template: Json) -> tuple[ConfigRef, ...]:
    """The configs that a pod template names, each once, sorted; required if any place requires it."""
    optional: dict[tuple[ConfigKind, str], bool] = {}
    for mention in config_mentions(template):
        key = (mention.kind, mention.name)
        optional[key] = optional.get(key, True) and bool(mention.node.get("optional"))
    return tuple(ConfigRef(kind, name, optional[kind, name]) for kind, name in sorted(optional))


def trackable(obj: Json) -> bool:
    """Whether a ConfigMap or Secret counts towards the revision and is copied for the primary.

    Only Secrets have a type; objects out of a list carry no ``kind``, so that is not asked for.
    """
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    opted_out = str(annotations.get(TRACKING, "")).startswith("disable")
    return not opted_out and obj.get("type", "Opaque") in TRACKED_SECRETS


def template_forms(template: Json) -> Forms:
    """Hashes of a pod template as the API returns it."""
    return tuple(f"{version}-{_plain(write(template))}" for version, write in RECIPES.items())


def config_forms(ref: ConfigRef, obj: Json, keys: Sequence[bytes]) -> Forms:
    """Hashes of what a ConfigMap or Secret holds.

    ``keys`` are the installation's: without them nobody can hash a guess at a Secret's value and compare.
    """
    content = {field: _entries(obj, field) for field in ("data", "binaryData")}
    if ref.kind is ConfigKind.CONFIGMAP:
        return template_forms(content)
    return tuple(
        f"{version}-{_keyed(key, b'serin key id')[:6]}-{_keyed(key, write(content))[:16]}"
        for version, write in RECIPES.items()
        for key in keys
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a target is made of now, in every scheme. A config that was not looked at has the one form it had."""

    template: Forms
    configs: Mapping[str, Forms]

    @property
    def fresh(self) -> Revision:
        """As it is recorded from now on."""
        return self.like(Revision())

    def like(self, recorded: Revision) -> Revision:
        """As it is compared with ``recorded``: each hash in the scheme of the recorded one, if that is known."""
        configs = {name: _like(recorded.configs.get(name, ""), forms) for name, forms in self.configs.items()}
        return Revision(_like(recorded.template, self.template), dict(sorted(configs.items())))


def changed(old: Revision, new: Revision) -> tuple[str, ...]:
    """What differs: ``template`` and the names of configs, those that were added or removed too. Empty if nothing does.

    Hashes of different schemes are not compared: ``new`` is like ``old`` (:meth:`Sighting.like`).
    """
    return tuple(name for name in unlike(old, new) if _comparable(_named_hash(old, name), _named_hash(new, name)))


def unlike(old: Revision, new: Revision) -> tuple[str, ...]:
    """What is not surely the same: as :func:`changed`, and what cannot be compared."""
    template = ("template",) if old.template != new.template else ()
    names = sorted(old.configs.keys() | new.configs.keys())
    return (*template, *(name for name in names if old.configs.get(name, "") != new.configs.get(name, "")))


def renewed(rollout: Rollout, seen: Revision, fresh: Revision) -> tuple[Revision, Revision]:
    """What is applied and what is promoted when the target is ``seen`` to be as applied: in the form recorded from now
    on, which is ``fresh``.

    While something else is promoted, only what cannot be compared is replaced: both stay comparable with each other.
    """
    if rollout.applied == rollout.promoted:
        return fresh, fresh
    return refreshed(rollout.applied, seen), rollout.promoted


def refreshed(old: Revision, new: Revision) -> Revision:
    """``old`` with what cannot be compared replaced by that of ``new``, so that changes show from here on."""
    configs = {name: _refreshed(value, new.configs.get(name, "")) for name, value in old.configs.items()}
    return Revision(_refreshed(old.template, new.template), configs)


def revision_mark(revision: Revision) -> str:
    """The revision in one line that :func:`parse_mark` reads back: ``v1-3c… configmap/x=v1-9f…``."""
    return " ".join((revision.template, *(f"{name}={revision.configs[name]}" for name in sorted(revision.configs))))


def parse_mark(mark: str) -> Revision:
    """The revision that ``mark`` stands for; an empty one for an empty mark."""
    template, *configs = mark.split(" ")
    return Revision(template, {name: value for name, _, value in (entry.partition("=") for entry in configs) if value})


def _in_volume(volume: Json) -> Iterator[ConfigMention]:
    yield from _named(ConfigKind.CONFIGMAP, volume.get("configMap"), "name")
    yield from _named(ConfigKind.SECRET, volume.get("secret"), "secretName")
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield from _named(ConfigKind.CONFIGMAP, source.get("configMap"), "name")
        yield from _named(ConfigKind.SECRET, source.get("secret"), "name")


def _in_container(container: Json) -> Iterator[ConfigMention]:
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        yield from _named(ConfigKind.CONFIGMAP, source.get("configMapKeyRef"), "name")
        yield from _named(ConfigKind.SECRET, source.get("secretKeyRef"), "name")
    for source in container.get("envFrom") or ():
        yield from _named(ConfigKind.CONFIGMAP, source.get("configMapRef"), "name")
        yield from _named(ConfigKind.SECRET, source.get("secretRef"), "name")


def _named(kind: ConfigKind, node: JsonObject | None, field: str) -> Iterator[ConfigMention]:
    if node and node.get(field):
        yield ConfigMention(kind, node, field)


def _entries(obj: Json, field: str) -> JsonObject:
    # A key without a value is still a key that pods can see, so it must not be dropped as unset.
    return {key: value or "" for key, value in (obj.get(field) or {}).items()}


def _canonical(value: Json) -> bytes:
    return json.dumps(_without_unset(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _without_unset(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _without_unset(inner) for key, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_without_unset(inner) for inner in value]
        case _:
            return value


RECIPES: Mapping[str, Callable[[Json], bytes]] = {"v1": _canonical}
"""How an object becomes the bytes that are hashed, by version. The first is recorded; the others are known, for hashes
that another release recorded. A new one is added last, and only the next release puts it first: so each of two
neighbours can read what the other wrote.
"""


def _plain(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _keyed(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _named_hash(revision: Revision, name: str) -> str:
    return revision.template if name == "template" else revision.configs.get(name, "")


def _like(recorded: str, forms: Forms) -> str:
    return next((form for form in forms if _scheme(form) == _scheme(recorded)), forms[0])


def _comparable(old: str, new: str) -> bool:
    """What is not there on one side can be compared with anything."""
    return "" in (old, new) or _scheme(old) == _scheme(new)


def _refreshed(old: str, new: str) -> str:
    return old if _comparable(old, new) else new


def _scheme(value: str) -> str:
    # Flagger's hashes have no dash, so their scheme is empty: never ours.
    return value.rpartition("-")[0]
