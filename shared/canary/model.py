"""The Canary resource as frozen values: ``flagger.app/v1beta1`` (and ``v1alpha3``) after parsing and defaulting.

Field names follow the resource; durations are seconds, weights and ready thresholds are percent, bounds are in the
metric's own unit. What Istio defines (matches, retries, headers, ...) is passed through as JSON: Istio validates it,
and new Istio fields work at once.

It must never know of rollouts: this is what a user wrote, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.notice import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import Json


REVERT = "serin.dev/revert"
"""Finalizer: the Canary stays until the app is given back (``revertOnDeletion``)."""

FLAGGER_REVERT = "finalizer.flagger.app"
"""Flagger's finalizer for the same; it is Serin's to remove, because Flagger is not there any more."""


class OnNoData(StrEnum):
    """What "no values found" means for a metric (``metrics[].onNoData``, Serin's own field; Flagger always fails)."""

    FAIL = "fail"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105  a verdict, not a password


class Provider(StrEnum):
    """``spec.provider``: who splits the traffic."""

    ISTIO = "istio"
    GATEWAY_API = "gatewayapi"
    GATEWAY_API_V1 = "gatewayapi:v1"
    GATEWAY_API_V1BETA1 = "gatewayapi:v1beta1"
    """The Gateways of a cluster, by HTTPRoutes in one of two versions; without one it is v1 (Flagger)."""
    KUBERNETES = "kubernetes"
    """Nobody: Services are all there is."""

    @property
    def is_gateway_api(self) -> bool:
        """Whether it is the Gateway API, in any version."""
        return self.startswith("gatewayapi")


class HookType(StrEnum):
    """``webhooks[].type``: when a hook is asked. An empty type is ``rollout``."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    POST_ROLLOUT = "post-rollout"
    ROLLBACK = "rollback"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A reference to an object in the Canary's namespace (``spec.targetRef``, ``spec.autoscalerRef``)."""

    api_version: str
    kind: str
    name: str

    @property
    def word(self) -> str:
        """The kind as Flagger's log, references and Serin's ``watches`` write it: ``deployment``."""
        return self.kind.lower()


HPA, SCALED_OBJECT = "HorizontalPodAutoscaler", "ScaledObject"
"""The kinds of ``spec.autoscalerRef``: Kubernetes' own autoscaler, and KEDA's."""


@dataclass(frozen=True, slots=True)
class AutoscalerRef:
    """``spec.autoscalerRef``: what scales the target, with the primary's own limits and queries if given.

    ``primary_queries`` are KEDA's, by the name of their trigger (``primaryScalerQueries``).
    """

    ref: ObjectRef
    primary_min_replicas: int | None = None
    primary_max_replicas: int | None = None
    primary_queries: Mapping[str, str] = field(default_factory=dict)

    @property
    def primary_name(self) -> str:
        """Name of the primary's own, which is of the same kind."""
        return f"{self.ref.name}-primary"

    @property
    def pausable(self) -> bool:
        """Whether it has to be told that the target stands at zero. Kubernetes' own leaves such a target alone."""
        return self.ref.kind == SCALED_OBJECT


@dataclass(frozen=True, slots=True)
class Bounds:
    """``metrics[].thresholdRange``: inclusive bounds; either may be open."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """``metrics[].templateRef``: a MetricTemplate by namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """As people read it."""
        return f"MetricTemplate {self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``metrics[].compare: primary`` and what goes with it, Serin's own fields.

    ``minimum_samples`` are requests of either side since the step began; for ``max_wait`` seconds the step waits for
    them, then ``on_too_few`` decides. ``confidence`` is percent, ``tolerance`` percentage points, ``slower_than``
    milliseconds. ``total_query`` is for a metric whose own query counts the bad ones.
    """

    minimum_samples: int = 500
    max_wait: float = 1800.0
    confidence: float = 99.0
    tolerance: float = 0.0
    slower_than: float = 0.0
    total_query: str = ""
    on_too_few: OnNoData = OnNoData.HOLD


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of ``analysis.metrics``.

    ``name`` is as written; ``builtin`` is ``request-success-rate`` (percent) or ``request-duration`` (milliseconds)
    when the name means one of these (also by its old name). Else ``query`` holds the PromQL, or ``template`` names what
    holds it; ``variables`` are for either. ``interval`` is the window as it goes into the query, e.g. ``1m``.
    """

    name: str
    interval: str
    bounds: Bounds
    builtin: str | None = None
    query: str | None = None
    template: TemplateRef | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    on_no_data: OnNoData = OnNoData.FAIL
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """One entry of ``analysis.webhooks``; ``timeout`` is seconds for each attempt, ``mute_alert`` keeps what it answers
    out of the alerts."""

    name: str
    url: str
    type: HookType = HookType.ROLLOUT
    timeout: float = 10.0
    retries: int = 0
    disable_tls: bool = False
    mute_alert: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionAffinity:
    """``analysis.sessionAffinity``: a user whom the weights send to the canary stays there. ``max_age`` is seconds.

    With ``primary_cookie_name`` a user of the primary stays too, for one interval.
    """

    cookie_name: str
    primary_cookie_name: str = ""
    max_age: int = 86400
    domain: str = ""
    http_only: bool = False
    partitioned: bool = False
    path: str = ""
    same_site: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """``alerts[]``: an AlertProvider that is told of everything from ``severity`` on."""

    name: str
    provider_namespace: str
    provider_name: str
    severity: Level = Level.INFO


@dataclass(frozen=True, slots=True)
class Analysis:
    """``spec.analysis`` (or the old ``spec.canaryAnalysis``).

    Exactly one of ``step_weight``, ``step_weights`` and ``iterations`` is given. ``match`` (Istio HTTPMatchRequest)
    says whose requests an A/B test is about; ``mirror_weight`` percent of the requests are copied if ``mirror``.
    ``threshold`` is how many failed checks end the run; ``max_unknown`` (Serin's own field) how many checks in a row
    may stay unanswered before traffic goes home to the primary. With ``ignore_capacity`` (Serin's own) traffic moves
    however few pods there are for it.
    """

    interval: float
    threshold: int
    max_weight: int = 100
    step_weight: int = 0
    step_weights: tuple[int, ...] = ()
    step_weight_promotion: int = 0
    iterations: int = 0
    match: tuple[Json, ...] = ()
    mirror: bool = False
    mirror_weight: int = 100
    session_affinity: SessionAffinity | None = None
    primary_ready_threshold: int = 100
    canary_ready_threshold: int = 100
    max_unknown: int = 10
    ignore_capacity: bool = False
    metrics: tuple[Metric, ...] = ()
    hooks: tuple[Hook, ...] = ()
    alerts: tuple[Alert, ...] = ()

    def hooks_of(self, kind: HookType) -> tuple[Hook, ...]:
        """The hooks of one type, in their order."""
        return tuple(hook for hook in self.hooks if hook.type is kind)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Labels and annotations for one of the generated services."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """``spec.service``: how callers reach the app. ``name`` is the apex, by default the target's name."""

    name: str
    port: int
    port_name: str = "http"
    target_port: int | str | None = None
    port_discovery: bool = False
    app_protocol: str | None = None
    headless: bool = False
    traffic_distribution: str | None = None
    gateways: tuple[str, ...] = ()
    gateway_refs: tuple[Json, ...] = ()
    hosts: tuple[str, ...] = ()
    delegation: bool = False
    match: tuple[Json, ...] = ()
    rewrite: Json | None = None
    timeout: str | None = None
    backend_timeout: str | None = None
    mirror: tuple[Json, ...] = ()
    retries: Json | None = None
    headers: Json | None = None
    cors_policy: Json | None = None
    traffic_policy: Json | None = None
    apex: Metadata = field(default_factory=Metadata)
    primary: Metadata = field(default_factory=Metadata)
    canary: Metadata = field(default_factory=Metadata)

    @property
    def primary_name(self) -> str:
        """Name of the service that selects the primary's pods."""
        return f"{self.name}-primary"

    @property
    def canary_name(self) -> str:
        """Name of the service that selects the target's pods."""
        return f"{self.name}-canary"


@dataclass(frozen=True, slots=True)
class Canary:
    """One Canary resource, valid and complete.

    ``progress_deadline`` is seconds. ``created`` is ``metadata.creationTimestamp`` as the API writes it (RFC 3339, UTC,
    whole seconds: it sorts as text), empty before the Canary exists. ``deleting`` says that it has a
    ``deletionTimestamp``: nothing but its finalizers keeps it.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    api_version: str
    target: ObjectRef
    service: Service
    analysis: Analysis
    provider: Provider = Provider.ISTIO
    autoscaler: AutoscalerRef | None = None
    progress_deadline: float = 600.0
    skip_analysis: bool = False
    suspend: bool = False
    metrics_server: str | None = None
    created: str = ""
    revert_on_deletion: bool = False
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    resource_version: str = ""

    @property
    def has_router(self) -> bool:
        """Whether anybody splits its traffic."""
        return self.provider is not Provider.KUBERNETES

    @property
    def has_mesh(self) -> bool:
        """Whether sidecars count its requests; without them, the app has to (Flagger)."""
        return self.provider is Provider.ISTIO

    @property
    def held(self) -> bool:
        """Whether a finalizer of Serin's (or Flagger's) keeps it from being deleted."""
        return not {REVERT, FLAGGER_REVERT}.isdisjoint(self.finalizers)

    @property
    def primary_name(self) -> str:
        """Name of the generated workload that serves production; it is of the target's kind."""
        return f"{self.target.name}-primary"

    def __str__(self) -> str:
        """``name.namespace``, as Flagger's users know it from every line of its log."""
        return f"{self.name}.{self.namespace}"
