"""The body of a hook's call, as Flagger 0.6 and later and Serin send it, and as people write it by hand for a gate."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.body import Refusal, read_object
from shared.canary.names import check_label, check_object
from shared.loadtester.answer import RefusedRequest
from shared.loadtester.gates import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 64 * 1024
"""Bytes of a body."""

_LONGEST = 253
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Payload:
    """Who asks: the Canary, and its phase and run, empty where the caller has none (Flagger 0.6, a person)."""

    name: str
    namespace: str
    phase: str = ""
    run: Run = field(default_factory=Run)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"

    @property
    def ended(self) -> bool:
        """Whether this says that the run is over, as a ``post-rollout`` hook and the last ``event`` do."""
        return self.phase in _ENDED


def read_payload(body: bytes, namespaces: tuple[str, ...]) -> Payload:
    """The payload in ``body``. RefusedRequest with 400, 413, or 403 for a Canary outside ``namespaces`` (patterns such
    as ``team-*``; none means all).
    """
    content = read_object(body, LARGEST)
    if isinstance(content, Refusal):
        raise RefusedRequest(content.status, content.sentence)
    name, namespace = (_text(content, key) for key in ("name", "namespace"))
    if check_object(name) or check_label(namespace):
        raise RefusedRequest(400, "the body has to hold the name and the namespace of a Canary")
    if namespaces and not any(fnmatch.fnmatchcase(namespace, pattern) for pattern in namespaces):
        raise RefusedRequest(403, f"this load tester does not serve the namespace {namespace}")
    run = Run(_text(content, "checksum"), _text(content, "buildId"))
    return Payload(name, namespace, _text(content, "phase"), run, _metadata(content))


def _text(content: Mapping[str, object], key: str) -> str:
    value = content.get(key, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise RefusedRequest(400, f"{key} has to be a text of at most {_LONGEST} characters")
    return value


def _metadata(content: Mapping[str, object]) -> dict[str, str]:
    metadata = content.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise RefusedRequest(400, "metadata has to be an object whose values are texts")
    return metadata
