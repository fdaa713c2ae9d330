"""One app with its Canary, its team, its store, and all that can happen to them. Time is the world's own.

A deed is done by somebody else than Serin, between two ticks or in the middle of one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from infra.local.kubernetes.controllers.pods import READY, READY_AFTER
from infra.local.kubernetes.store import Key
from shared.checks.verdict import CheckResult, Verdict
from shared.errors import Refused, SerinError
from shared.hint import Hint, HintKind
from shared.hints import leave_hint
from shared.rollout import Command, Rollout, RolloutKey, Verb
from shared.state.commands import submit
from shared.state.open import open_store
from tests.proof.specs import SPECS
from tests.support.api import ApiError
from tests.support.app import NAME, Release, objects, release_key
from tests.support.hooks import answers

if TYPE_CHECKING:
    from shared.checks.subject import Subject
    from shared.json_types import Json, JsonObject
    from shared.state.store import Store
    from tests.proof.cluster import Embedded
    from tests.support.cluster import Cluster

PRIMARY = f"{NAME}-primary"
_BUCKETS = {
    "canary": "flagger.app/canaries",
    "deployment": "apps/deployments",
    "service": "services",
    "virtualservice": "networking.istio.io/virtualservices",
}


@dataclass(slots=True)
class World:
    """See the module. ``skew`` is how far Serin's clock is off, ``says`` is what hooks (by type) and ``metrics``
    answer.
    """

    cluster: Embedded
    spec: str
    slow: bool = False
    """Pods need longer to become ready than Serin waits between two looks."""
    namespace: str = field(init=False)
    store: Store = field(init=False)
    somebody: Store = field(init=False)
    """The store, as those use it who command and who hint."""
    release: Release = field(init=False)
    skew: timedelta = timedelta()
    says: dict[str, Verdict] = field(default_factory=dict)
    images: int = 1
    asked: int = 0
    tampered: bool = False
    """The router is as somebody made it by hand."""
    harmed: bool = False
    """Pods were made to fail, by a person or by a bad release."""

    def __post_init__(self) -> None:
        self.namespace = self.cluster.create_namespace()
        self.somebody = self.store = open_store("sqlite://")
        self.release = Release(cast("Cluster", self.cluster), self.namespace)
        for path, obj in objects("Deployment"):
            self.cluster.api.create(path.format(ns=self.namespace), obj)
        if self.slow:
            metadata = {"annotations": {READY_AFTER: "8s"}}
            self._patch("deployment", {"spec": {"template": {"metadata": metadata}}})
        self.cluster.advance(20)
        self.make_canary()

    @property
    def key(self) -> RolloutKey:
        return release_key(self.namespace)

    def close(self) -> None:
        self.store.close()
        self.cluster.remove_namespace(self.namespace)

    def clock(self) -> datetime:
        """Serin's time."""
        return self.cluster.now + self.skew

    def find(self, kind: str, name: str = NAME) -> Json | None:
        """An object as the cluster has it at this moment, not to be changed."""
        stored = self.cluster.core.store.get(Key(_BUCKETS[kind], self.namespace, name))
        return stored.obj if stored else None

    def rollout(self) -> Rollout | None:
        """The document as stored."""
        return self.store.load(self.key)

    def available(self, name: str) -> int:
        """Pods of a Deployment that can take traffic at this moment."""
        found = self.find("deployment", name)
        return int((found or {}).get("status", {}).get("availableReplicas", 0))

    def answer(self, subject: Subject, reached: bool) -> tuple[CheckResult, ...]:
        """What hooks and metrics say, or that none can be reached."""
        unknown = dict.fromkeys(("metrics", *(str(hook.type) for hook in _hooks(subject))), Verdict.UNKNOWN)
        said = self.says if reached else unknown
        by_name = {hook.name: said.get(str(hook.type), Verdict.PASS) for hook in _hooks(subject)}
        return answers(subject.questions, {**by_name, "metrics": said.get("metrics", Verdict.PASS)})

    def make_canary(self) -> None:
        """A Canary as the present spec says; nothing if there is one. Who asks for no router removes the one that a
        deleted Canary left.
        """
        with suppress(ApiError):
            if self.spec == "no router" and self.find("canary") is None and self.find("virtualservice"):
                self.cluster.api.delete(self.release.path("virtualservice"))
            self.cluster.api.create(self.release.path("canary", ""), SPECS[self.spec].canary())
            self._hint(HintKind.CANARY)

    def delete_canary(self) -> None:
        with suppress(ApiError):
            self.cluster.api.delete(self.release.path("canary"))
            self._hint(HintKind.CANARY)
            self.cluster.advance(0.4)

    def edit(self, spec: str) -> None:
        """The Canary's spec becomes another."""
        found = self.find("canary")
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        self.spec = spec
        changed = {**found, "spec": SPECS[spec].canary()["spec"]}
        self.cluster.api.replace(self.release.path("canary"), changed)
        self._hint(HintKind.CANARY)

    def suspend(self, suspended: bool) -> None:
        self._patch("canary", {"spec": {"suspend": suspended}})
        self._hint(HintKind.CANARY)

    def upgrade(self) -> None:
        """A new image, whose pods become ready."""
        self.images += 1
        self._set_image(f"app:{self.images}", bad=False)

    def upgrade_badly(self) -> None:
        """A new image, whose pods never become ready."""
        self.images += 1
        self.harmed = True
        self._set_image(f"app:{self.images}", bad=True)

    def is_bad(self) -> bool:
        """Whether the target's pods never become ready."""
        target = self.find("deployment")
        annotations = target["spec"]["template"]["metadata"].get("annotations") if target else {}
        return (annotations or {}).get(READY) == "false"

    def put_back(self) -> None:
        """The image that the primary runs."""
        primary = self.find("deployment", PRIMARY)
        if primary is not None:
            template = primary["spec"]["template"]
            bad = (template["metadata"].get("annotations") or {}).get(READY) == "false"
            self._set_image(template["spec"]["containers"][0]["image"], bad=bad)

    def reconfigure(self) -> None:
        self.images += 1
        self._patch("configmap", {"data": {"greeting": f"hello {self.images}"}})
        self._hint(HintKind.CONFIGMAP)

    def resize(self, replicas: int) -> None:
        """An autoscaler, or a person, changes the size of a side that has pods."""
        for name in (NAME, PRIMARY):
            found = self.find("deployment", name)
            if found is not None and found["spec"]["replicas"]:
                self._patch("deployment", {"spec": {"replicas": replicas}}, name)

    def tamper(self, share: int) -> None:
        """Somebody writes weights into the router by hand."""
        found = self.find("virtualservice")
        rules = cast("list[JsonObject]", found["spec"].get("http") or []) if found else []
        if rules and len(rules[-1].get("route") or []) == 2:
            weights = (
                {**route, "weight": weight}
                for route, weight in zip(rules[-1]["route"], (100 - share, share), strict=True)
            )
            self._patch("virtualservice", {"spec": {"http": [*rules[:-1], {**rules[-1], "route": list(weights)}]}})
            self.tampered = True

    def fail_pods(self, name: str) -> None:
        """All pods of a side lose their readiness, until they are replaced or recover."""
        self.harmed = True
        self._mark_pods(name, "false")

    def recover_pods(self) -> None:
        for name in (NAME, PRIMARY):
            self._mark_pods(name, None)

    def jump(self, seconds: float) -> None:
        """Serin's clock is put forward, or back."""
        self.skew += timedelta(seconds=seconds)

    def lose_document(self) -> None:
        self.store.delete(self.key)

    def command(self, verb: Verb) -> None:
        """Somebody asks for something."""
        self.asked += 1
        given = Command(f"c{self.asked}", verb, "stefan", self.clock())
        with suppress(KeyError, Refused):
            submit(self.somebody, self.key, given)

    def hint(self) -> None:
        """A word that the target changed."""
        self._hint(HintKind.DEPLOYMENT)

    def outage(self, down: bool) -> None:
        """The API answers Serin 503, or answers again."""
        self.cluster.application.fault = (lambda entry: 503 if entry.user == "serin" else None) if down else None

    def _hint(self, kind: HintKind) -> None:
        with suppress(SerinError):
            leave_hint(self.somebody, self.key.cluster, Hint(kind, self.namespace, NAME), self.clock())

    def _set_image(self, image: str, *, bad: bool) -> None:
        container = {"name": "app", "image": image}
        found = self.find("deployment")
        assert found is not None
        containers = [{**found["spec"]["template"]["spec"]["containers"][0], **container}]
        metadata = {"annotations": {READY: "false" if bad else None}}
        self._patch("deployment", {"spec": {"template": {"metadata": metadata, "spec": {"containers": containers}}}})
        self.hint()

    def _mark_pods(self, name: str, ready: str | None) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        for pod in self.cluster.api.items(path, labelSelector=f"app={name}"):
            wanted: Any = {"metadata": {"annotations": {READY: ready}}}
            self.cluster.api.patch(f"{path}/{pod['metadata']['name']}", wanted)
        self.cluster.core.loop.work_off()

    def _patch(self, kind: str, change: JsonObject, name: str = NAME) -> None:
        with suppress(ApiError):
            self.cluster.api.patch(self.release.path(kind, name), change)
            self.cluster.core.loop.work_off()


def _hooks(subject: Subject) -> tuple[Any, ...]:
    asked = subject.questions
    return (*asked.rollback, *asked.hooks, *asked.gates)
