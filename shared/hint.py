"""A hint: a word from the cluster that an object changed, whichever way it came (an admission review, a CloudEvent).

It can only cause an earlier tick, and the tick reads the API: so of all that came in, a hint keeps the object's kind
and name, and both are checked, because they become part of a rollout's key.

It must never carry anything of the object itself: a Secret may be behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.render.differences import at
from shared.render.ownership import CANARY


class HintKind(StrEnum):
    """The kinds of objects whose change can make work for a rollout; the words of ``Rollout.watches``."""

    CANARY = "canary"
    DAEMONSET = "daemonset"
    DEPLOYMENT = "deployment"
    CONFIGMAP = "configmap"
    SECRET = "secret"  # noqa: S105  a kind, not a password
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Hint:
    """An object that changed, or is about to, or is gone."""

    kind: HintKind
    namespace: str
    name: str

    @property
    def ref(self) -> str:
        """``deployment/x``: how rollouts that depend on the object name it in their ``watches``."""
        return f"{self.kind}/{self.name}"


_KINDS = {
    "Canary": ("flagger.app", HintKind.CANARY),
    "ConfigMap": ("", HintKind.CONFIGMAP),
    "DaemonSet": ("apps", HintKind.DAEMONSET),
    "Deployment": ("apps", HintKind.DEPLOYMENT),
    "Secret": ("", HintKind.SECRET),
    "Service": ("", HintKind.SERVICE),
}

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def hint_at(group: str | None, kind: str, namespace: str, name: str) -> Hint | None:
    """The hint for an object; None if rollouts do not depend on its kind, or if Kubernetes has no such name.

    ``group`` is the API group, empty for the core group, None if it is not known. Names are DNS-1123 subdomains of at
    most 253 characters and namespaces labels of at most 63, as Kubernetes' API conventions say.
    """
    known = _KINDS.get(kind)
    if known is None or group not in (known[0], None):
        return None
    if len(namespace) > 63 or len(name) > 253 or not (_NAMESPACE.fullmatch(namespace) and _NAME.fullmatch(name)):
        return None
    return Hint(known[1], namespace, name)


def is_generated(obj: object) -> bool:
    """Whether Serin made the object: what it writes itself is no news to it."""
    return bool(at(obj, ("metadata", "annotations", CANARY)))
