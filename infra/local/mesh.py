"""What a cluster says about the traffic of one app: its routes, its ready pods, and the faults that they are told.

Read over plain HTTP, as a mesh's control plane reads it. The VirtualService is read before and after the Deployments
and has to be the same: only then did routes and pods exist together, and a request that found nobody is the release's
fault and not the reader's. It must never write to the cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json: TypeAlias = "Mapping[str, Any]"

_TRIES = 5
_TIMEOUT_SECONDS = 2.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Side(StrEnum):
    """The two sides of a release: the workload that serves production, and the one that is being tried."""

    PRIMARY = "primary"
    CANARY = "canary"

    def workload(self, app: str) -> str:
        """The Deployment of this side: the canary's is the user's own."""
        return f"{app}-primary" if self is Side.PRIMARY else app

    def host(self, app: str) -> str:
        """The Service of this side, as routes name it."""
        return f"{app}-{self}"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How pods answer: the share of requests that fail (0 to 1), and the seconds that each takes longer."""

    error_rate: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment: its ready pods, how its pod template behaves, and whether all pods are of that template."""

    ready: int = 0
    behaviour: Behaviour = Behaviour()
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a VirtualService's ``http``.

    ``weights`` are proportions; a destination that is neither side's stands for nobody (None). A ``conditional`` rule
    is for some requests only. ``mirror_share`` (0 to 1) of the requests are copied to ``mirror``.
    """

    weights: tuple[tuple[Side | None, float], ...]
    conditional: bool = False
    mirror: Side | None = None
    mirror_share: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """Routes and workloads of one app at one moment. No rules: there is no VirtualService, and nobody calls yet."""

    rules: tuple[Rule, ...]
    workloads: Mapping[Side, Workload]


class UnreadableError(Exception):
    """The cluster did not say; the text tells why."""


class MeshReader:
    """Reads the state of ``app`` from the API server at ``api_url``; a bearer ``token`` is sent if there is one."""

    def __init__(self, api_url: str, namespace: str, app: str, token: str = "") -> None:
        self._app = app
        self._routes = f"{api_url}/apis/networking.istio.io/v1beta1/namespaces/{namespace}/virtualservices/{app}"
        self._deployments = f"{api_url}/apis/apps/v1/namespaces/{namespace}/deployments"
        self._http = requests.Session()
        self._http.trust_env = False  # loopback needs no proxy, and no look for one at each request
        self._http.headers["User-Agent"] = "demo-traffic"
        if token:
            self._http.headers["Authorization"] = f"Bearer {token}"

    def read(self) -> State:
        """The state at one moment. UnreadableError if the API server does not answer or the routes never hold still."""
        before = self._get(self._routes)
        for _ in range(_TRIES):
            workloads = {side: workload(self._get(f"{self._deployments}/{side.workload(self._app)}")) for side in Side}
            after = self._get(self._routes)
            if _version(before) == _version(after):
                return State(rules(self._app, after), workloads)
            before = after
        raise UnreadableError(f"the VirtualService {self._app} changed {_TRIES} times while it was being read")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _get(self, url: str) -> Json:
        """An object; an empty one if it does not exist."""
        try:
            response = self._http.get(url, timeout=_TIMEOUT_SECONDS)
            found: Json = response.json() if response.status_code == 200 else {}
        except requests.RequestException as error:
            raise UnreadableError(f"GET {url} failed: {type(error).__name__}") from error
        if response.status_code not in {200, 404}:
            raise UnreadableError(f"GET {url} was answered with {response.status_code}")
        return found


def rules(app: str, virtual_service: Json) -> tuple[Rule, ...]:
    """The rules of a VirtualService, in their order; none of an empty object."""
    return tuple(_rule(app, entry) for entry in virtual_service.get("spec", {}).get("http") or [])


def workload(deployment: Json) -> Workload:
    """The workload of a Deployment; one without pods of an empty object."""
    status = deployment.get("status", {})
    observed = status.get("observedGeneration", 0) >= deployment.get("metadata", {}).get("generation", 0)
    replaced = status.get("updatedReplicas", 0) == status.get("replicas", 0)
    template = deployment.get("spec", {}).get("template", {})
    return Workload(int(status.get("readyReplicas", 0)), behaviour(template), settled=observed and replaced)


def behaviour(template: Json) -> Behaviour:
    """What a pod template's containers are told by FAULT_ERROR_RATE (``"0.5"``) and FAULT_DELAY (``"1s"``)."""
    containers = template.get("spec", {}).get("containers") or []
    told = {variable["name"]: variable.get("value", "") for variable in _variables(containers)}
    return Behaviour(_share(told.get("FAULT_ERROR_RATE", "")), _seconds(told.get("FAULT_DELAY", "")))


def _rule(app: str, entry: Json) -> Rule:
    routes = entry.get("route") or []
    only = 100 if len(routes) == 1 else 0  # Istio: a single destination needs no weight
    return Rule(
        weights=tuple((_side(app, route.get("destination", {})), float(route.get("weight", only))) for route in routes),
        conditional=not any(map(_fits_everything, entry.get("match") or [{}])),
        mirror=_side(app, entry.get("mirror") or {}),
        mirror_share=_mirror_share(entry),
    )


def _fits_everything(match: Json) -> bool:
    return match.keys() <= {"name", "uri"} and match.get("uri", {"prefix": "/"}) == {"prefix": "/"}


def _side(app: str, destination: Json) -> Side | None:
    host = str(destination.get("host", "")).partition(".")[0]
    return next((side for side in Side if side.host(app) == host), None)


def _mirror_share(entry: Json) -> float:
    """Istio has had three fields for it: mirrorPercentage, and the older mirrorPercent and mirror_percent."""
    if not entry.get("mirror"):
        return 0.0
    percentage = entry.get("mirrorPercentage")
    percent = percentage.get("value", 0) if percentage else entry.get("mirrorPercent", entry.get("mirror_percent", 100))
    return float(percent) / 100


def _variables(containers: Sequence[Json]) -> Iterator[Json]:
    return (variable for container in containers for variable in container.get("env") or [])


def _share(text: str) -> float:
    """A number between 0 and 1; anything else is what a container would ignore."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _seconds(text: str) -> float:
    parts = _DURATION.fullmatch(text)
    return float(parts[1]) * _UNIT_SECONDS[parts[2]] if parts else 0.0


def _version(resource: Json) -> tuple[str, str]:
    metadata = resource.get("metadata", {})
    return str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
