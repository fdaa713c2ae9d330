"""Defaults of a pod's specification, as pods and pod templates share them (pkg/apis/core/v1/defaults.go)."""

import re
from typing import Any

from infra.local.kubernetes.objects import JsonObject, indexed, items, mapping
from infra.local.kubernetes.quantities import amount, canonical

_MODE = 0o644
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_PULL_LATEST = re.compile(r"(?:^|/)[^/:@]+(?::latest)?$")


def fill(obj: JsonObject, **defaults: Any) -> None:
    """Sets what is absent, empty or zero, as Go code does that compares with the zero value."""
    for key, value in defaults.items():
        if not obj.get(key):
            obj[key] = value


def complete_spec(spec: JsonObject) -> None:
    """Fills in a pod's specification."""
    fill(spec, dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]  # the deprecated alias, kept in step by the conversion
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for _, volume in indexed(spec, "volumes"):
        _complete_volume(volume)
    for name in _CONTAINER_LISTS:
        for _, container in indexed(spec, name):
            _complete_container(container)


def _complete_volume(volume: JsonObject) -> None:
    if len(volume) < 2:
        volume["emptyDir"] = {}
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        if name in volume:
            volume[name].setdefault("defaultMode", _MODE)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    _complete_downward(mapping(volume, "downwardAPI"))
    for _, source in indexed(volume, "projected", "sources"):
        _complete_downward(mapping(source, "downwardAPI"))
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)


def _complete_downward(source: JsonObject) -> None:
    for _, entry in indexed(source, "items"):
        if "fieldRef" in entry:
            fill(entry["fieldRef"], apiVersion="v1")


def _complete_container(container: JsonObject) -> None:
    policy = "Always" if _PULL_LATEST.search(container.get("image", "")) else "IfNotPresent"
    fill(
        container,
        imagePullPolicy=policy,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for _, port in indexed(container, "ports"):
        fill(port, protocol="TCP")
    for _, variable in indexed(container, "env"):
        if reference := mapping(variable, "valueFrom", "fieldRef"):
            fill(reference, apiVersion="v1")
    for handler in _handlers(container):
        _complete_handler(handler)
    for probe in (container[name] for name in _PROBES if name in container):
        fill(probe, **_PROBE_DEFAULTS)
    for name in ("limits", "requests"):
        _round_up(mapping(container, "resources", name))


def _handlers(container: JsonObject) -> list[JsonObject]:
    probes = [container[name] for name in _PROBES if name in container]
    return probes + [hook for hook in mapping(container, "lifecycle").values() if isinstance(hook, dict)]


def _complete_handler(handler: JsonObject) -> None:
    if "httpGet" in handler:
        fill(handler["httpGet"], path="/", scheme="HTTP")
    if "grpc" in handler:
        fill(handler["grpc"], service="")


def _round_up(amounts: dict[str, str]) -> None:
    """Resource amounts are kept in thousandths at the finest."""
    for name, text in amounts.items():
        if text.endswith(("n", "u")):
            amounts[name] = canonical(f"{-(-amount(text) * 1000 // 1)}m")


def complete_pod(pod: JsonObject) -> None:
    """Fills in a pod: its specification, and what only pods get, from defaulting and from the default admission
    plugins.
    """
    spec = pod["spec"]
    complete_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    for group in ("containers", "initContainers"):
        for _, container in indexed(spec, group):
            _request_limits(container)
            for _, port in indexed(container, "ports") if spec.get("hostNetwork") else ():
                fill(port, hostPort=port.get("containerPort"))
    _tolerate(spec)


def _request_limits(container: JsonObject) -> None:
    limits = mapping(container, "resources", "limits")
    if limits:
        requests = container["resources"].setdefault("requests", {})
        container["resources"]["requests"] = {**limits, **requests}


def _tolerate(spec: JsonObject) -> None:
    """The DefaultTolerationSeconds admission plugin."""
    tolerated = {toleration.get("key") for toleration in items(spec, "tolerations")}
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if key not in tolerated:
            entry = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            spec.setdefault("tolerations", []).append(entry)
