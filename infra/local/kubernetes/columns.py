"""What `kubectl get` shows of each kind: the columns of pkg/printers/internalversion, and those that a CRD asks for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from infra.local.kubernetes.jsonpath import JsonPathError, find
from infra.local.kubernetes.objects import JsonObject, dig, items, mapping
from infra.local.kubernetes.selectors import describe

Cell: TypeAlias = Callable[[JsonObject, datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Those with a priority above 0 are shown only by `kubectl get -o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


def human_duration(seconds: float) -> str:
    """`3m20s`, as k8s.io/apimachinery/pkg/util/duration writes it."""
    total = int(seconds)
    if total < 0:
        return "0s" if total >= -1 else "<invalid>"
    if total < 120:
        return f"{total}s"
    minutes, hours = total // 60, total // 3600
    if hours < 3:
        return _pair(minutes, "m", total % 60 if minutes < 10 else 0, "s")
    if hours < 48:
        return _pair(hours, "h", minutes % 60 if hours < 8 else 0, "m")
    if hours < 24 * 365 * 2:
        return _pair(hours // 24, "d", hours % 24 if hours < 24 * 8 else 0, "h")
    years = hours // 24 // 365
    return _pair(years, "y", hours // 24 % 365 if years < 8 else 0, "d")


def _pair(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def since(text: str | None, now: datetime) -> str:
    """How long ago a timestamp was."""
    if not text:
        return "<unknown>"
    try:
        return human_duration((now - datetime.fromisoformat(text)).total_seconds())
    except (ValueError, TypeError):
        return "<invalid>"


def _name(obj: JsonObject, _: datetime) -> Any:
    return obj["metadata"]["name"]


def _age(obj: JsonObject, now: datetime) -> Any:
    return since(obj["metadata"].get("creationTimestamp"), now)


def _value(*path: str, absent: Any = "") -> Cell:
    def cell(obj: JsonObject, _: datetime) -> Any:
        found = dig(obj, *path)
        return absent if found is None else found

    return cell


NAME = Column("Name", _name, format="name", description="Name must be unique within a namespace.")
AGE = Column("Age", _age, description="CreationTimestamp is the time when this object was created.")
DEFAULT = (NAME, Column("Created At", _value("metadata", "creationTimestamp"), "date"))


def _containers(key: str) -> Cell:
    def cell(obj: JsonObject, _: datetime) -> Any:
        return ",".join(container.get(key, "") for container in items(obj, "spec", "template", "spec", "containers"))

    return cell


def _selector(obj: JsonObject, _: datetime) -> Any:
    return describe(mapping(obj, "spec", "selector"))


_WIDE_WORKLOAD = (
    Column("Containers", _containers("name"), priority=1),
    Column("Images", _containers("image"), priority=1),
    Column("Selector", _selector, priority=1),
)


def _node_selector(obj: JsonObject, _: datetime) -> Any:
    chosen = mapping(obj, "spec", "template", "spec", "nodeSelector")
    return ",".join(f"{key}={value}" for key, value in sorted(chosen.items())) or "<none>"


def _deployment_ready(obj: JsonObject, _: datetime) -> Any:
    return f"{mapping(obj, 'status').get('readyReplicas', 0)}/{dig(obj, 'spec', 'replicas')}"


DEPLOYMENT = (
    NAME,
    Column("Ready", _deployment_ready),
    Column("Up-to-date", _value("status", "updatedReplicas", absent=0)),
    Column("Available", _value("status", "availableReplicas", absent=0)),
    AGE,
    *_WIDE_WORKLOAD,
)

DAEMON_SET = (
    NAME,
    Column("Desired", _value("status", "desiredNumberScheduled", absent=0), "integer"),
    Column("Current", _value("status", "currentNumberScheduled", absent=0), "integer"),
    Column("Ready", _value("status", "numberReady", absent=0), "integer"),
    Column("Up-to-date", _value("status", "updatedNumberScheduled", absent=0), "integer"),
    Column("Available", _value("status", "numberAvailable", absent=0), "integer"),
    Column("Node Selector", _node_selector),
    AGE,
    *_WIDE_WORKLOAD,
)

REPLICA_SET = (
    NAME,
    Column("Desired", _value("spec", "replicas", absent=0), "integer"),
    Column("Current", _value("status", "replicas", absent=0), "integer"),
    Column("Ready", _value("status", "readyReplicas", absent=0), "integer"),
    AGE,
    *_WIDE_WORKLOAD,
)


def _pod_ready(obj: JsonObject, _: datetime) -> Any:
    statuses = items(obj, "status", "containerStatuses")
    return f"{sum(bool(status.get('ready')) for status in statuses)}/{len(items(obj, 'spec', 'containers'))}"


def _pod_status(obj: JsonObject, _: datetime) -> Any:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    waiting = [dig(status, "state", "waiting", "reason") for status in items(obj, "status", "containerStatuses")]
    return next((reason for reason in waiting if reason), mapping(obj, "status").get("phase", ""))


def _restarts(obj: JsonObject, _: datetime) -> Any:
    return str(sum(status.get("restartCount", 0) for status in items(obj, "status", "containerStatuses")))


POD = (
    NAME,
    Column("Ready", _pod_ready),
    Column("Status", _pod_status),
    Column("Restarts", _restarts),
    AGE,
    Column("IP", _value("status", "podIP", absent="<none>"), priority=1),
    Column("Node", _value("spec", "nodeName", absent="<none>"), priority=1),
    Column("Nominated Node", _value("status", "nominatedNodeName", absent="<none>"), priority=1),
    Column("Readiness Gates", lambda _, __: "<none>", priority=1),
)


def _external_address(obj: JsonObject, _: datetime) -> Any:
    spec = mapping(obj, "spec")
    if spec.get("type") == "ExternalName":
        return spec.get("externalName", "")
    balanced = [entry.get("ip") or entry.get("hostname") for entry in items(obj, "status", "loadBalancer", "ingress")]
    absent = "<pending>" if spec.get("type") == "LoadBalancer" else "<none>"
    return ",".join([*balanced, *items(spec, "externalIPs")]) or absent


def _ports(obj: JsonObject, _: datetime) -> Any:
    shown = []
    for port in items(obj, "spec", "ports"):
        outside = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port.get('port')}{outside}/{port.get('protocol')}")
    return ",".join(shown) or "<none>"


def _labels(obj: JsonObject, _: datetime) -> Any:
    return ",".join(f"{key}={value}" for key, value in sorted(mapping(obj, "spec", "selector").items())) or "<none>"


SERVICE = (
    NAME,
    Column("Type", _value("spec", "type")),
    Column("Cluster-IP", _value("spec", "clusterIP", absent="<none>")),
    Column("External-IP", _external_address),
    Column("Port(s)", _ports),
    AGE,
    Column("Selector", _labels, priority=1),
)

NAMESPACE = (NAME, Column("Status", _value("status", "phase")), AGE)
SERVICE_ACCOUNT = (NAME, AGE)


def _data_size(obj: JsonObject, _: datetime) -> Any:
    return len(mapping(obj, "data")) + len(mapping(obj, "binaryData"))


CONFIG_MAP = (NAME, Column("Data", _data_size), AGE)
SECRET = (NAME, Column("Type", _value("type")), Column("Data", _data_size), AGE)


def _targets(obj: JsonObject, _: datetime) -> Any:
    metrics, current = items(obj, "spec", "metrics"), items(obj, "status", "currentMetrics")
    shown = [_target(metric, current[index] if index < len(current) else {}) for index, metric in enumerate(metrics)]
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return (", ".join(shown[:2]) or "<none>") + more


def _target(metric: JsonObject, current: JsonObject) -> str:
    source = metric.get("type", "")[:1].lower() + metric.get("type", "")[1:]
    wanted, measured = mapping(metric, source, "target"), mapping(current, source, "current")
    name = f"{dig(metric, source, 'name')}: " if "esource" in source else ""
    if "averageUtilization" in wanted:
        share = f"{measured['averageUtilization']}%" if "averageUtilization" in measured else "<unknown>"
        return f"{name}{share}/{wanted['averageUtilization']}%"
    if "averageValue" in wanted:
        mark = " (avg)" if source in {"external", "object"} else ""
        return f"{name}{measured.get('averageValue', '<unknown>')}/{wanted['averageValue']}{mark}"
    return f"{name}{measured.get('value', '<unknown>')}/{wanted.get('value', '<auto>')}"


def _scaled(obj: JsonObject, _: datetime) -> Any:
    target = mapping(obj, "spec", "scaleTargetRef")
    return f"{target.get('kind')}/{target.get('name')}"


def _least(obj: JsonObject, _: datetime) -> Any:
    return str(mapping(obj, "spec").get("minReplicas", "<unset>"))


AUTOSCALER = (
    NAME,
    Column("Reference", _scaled),
    Column("Targets", _targets),
    Column("MinPods", _least),
    Column("MaxPods", _value("spec", "maxReplicas", absent=0)),
    Column("Replicas", _value("status", "currentReplicas", absent=0)),
    AGE,
)


def _first_seen(obj: JsonObject, now: datetime) -> str:
    return since(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _last_seen(obj: JsonObject, now: datetime) -> Any:
    observed = dig(obj, "series", "lastObservedTime") or obj.get("lastTimestamp")
    return since(observed, now) if observed else _first_seen(obj, now)


def _subject(obj: JsonObject, _: datetime) -> Any:
    subject = mapping(obj, "involvedObject")
    kind = subject.get("kind", "").lower()
    return f"{kind}/{subject['name']}" if subject.get("name") else kind


def _reporter(obj: JsonObject, _: datetime) -> Any:
    source = mapping(obj, "source")
    component = source.get("component") or obj.get("reportingComponent", "")
    instance = source.get("host") or obj.get("reportingInstance", "")
    return f"{component}, {instance}" if instance else component


def _message(obj: JsonObject, _: datetime) -> Any:
    return obj.get("message", "").strip()


def _count(obj: JsonObject, _: datetime) -> Any:
    return dig(obj, "series", "count") or obj.get("count") or 1


EVENT = (
    Column("Last Seen", _last_seen),
    Column("Type", _value("type")),
    Column("Reason", _value("reason")),
    Column("Object", _subject),
    Column("Subobject", _value("involvedObject", "fieldPath"), priority=1),
    Column("Source", _reporter, priority=1),
    Column("Message", _message),
    Column("First Seen", _first_seen, priority=1),
    Column("Count", _count, priority=1),
    Column("Name", _name, format="name", priority=1),
)


def of_definition(version: JsonObject) -> tuple[Column, ...]:
    """The columns that one version of a CRD asks for."""
    wanted = items(version, "additionalPrinterColumns")
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    return (NAME, *(_defined(column) for column in wanted or [age]))


def _defined(column: JsonObject) -> Column:
    path, kind = column["jsonPath"], column["type"]
    description = column.get("description") or f"Custom resource definition column (in JSONPath format): {path}"

    def cell(obj: JsonObject, now: datetime) -> Any:
        try:
            found = find(path, obj)
        except JsonPathError:
            return None
        return _shown(found[0], kind, now) if found else None

    return Column(column["name"], cell, kind, column.get("format", ""), column.get("priority", 0), description)


def _shown(value: Any, kind: str, now: datetime) -> Any:
    match kind, value:
        case "string", str():
            return value
        case "string", _:
            return json.dumps(value, separators=(",", ":"))
        case "date", str():
            return since(value, now)
        case "boolean", bool():
            return value
        case ("integer", int() | float()) if not isinstance(value, bool):
            return int(value)
        case ("number", int() | float()) if not isinstance(value, bool):
            return float(value)
        case _:
            return None
