"""The resources of the API: which kinds are served under which paths, and in which form.

One kind may be served in several versions and groups (Events, HorizontalPodAutoscalers, custom resources). All forms
share one `bucket` of the store, which keeps the object in one of them; `to_storage` and `from_storage` convert.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from infra.local.kubernetes import columns, scales
from infra.local.kubernetes.columns import Column
from infra.local.kubernetes.gotypes import struct
from infra.local.kubernetes.kinds.autoscalers import AUTOSCALER, AUTOSCALER_V1, as_v1, from_v1
from infra.local.kubernetes.kinds.configs import CONFIG_MAP, SECRET
from infra.local.kubernetes.kinds.custom import defined_kind
from infra.local.kubernetes.kinds.daemonsets import DAEMON_SET
from infra.local.kubernetes.kinds.definitions import DEFINITION
from infra.local.kubernetes.kinds.events import EVENT, EVENT_V1, as_events_v1, from_events_v1
from infra.local.kubernetes.kinds.kind import Kind
from infra.local.kubernetes.kinds.namespaces import NAMESPACE, SERVICE_ACCOUNT
from infra.local.kubernetes.kinds.services import SERVICE
from infra.local.kubernetes.kinds.workloads import DEPLOYMENT, POD, REPLICA_SET
from infra.local.kubernetes.objects import JsonObject, copy_json, dig, items, mapping
from infra.local.kubernetes.scales import Scale
from infra.local.kubernetes.selectors import FieldReader
from infra.local.kubernetes.shapes import Struct
from infra.local.kubernetes.structural import prune

Conversion: TypeAlias = Callable[[JsonObject], JsonObject]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

_CORE = "io.k8s.api.core.v1"


def same(obj: JsonObject) -> JsonObject:
    """No conversion."""
    return obj


@dataclass(frozen=True, slots=True)
class Names:
    """What a resource is called."""

    plural: str
    kind: str
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    one: str = ""  # the singular, where it is not the kind in lower case

    @property
    def singular(self) -> str:
        return self.one or self.kind.lower()


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in one version. `type_name` is the Go type of built-in kinds; custom resources have a `schema`
    instead.
    """

    group: str
    version: str
    names: Names
    rules: Kind
    bucket: str
    namespaced: bool = True
    type_name: str = ""
    schema: JsonObject = field(default_factory=dict)
    columns: tuple[Column, ...] = columns.DEFAULT
    fields: Mapping[str, FieldReader] = field(default_factory=dict)
    scale: Scale | None = None
    verbs: tuple[str, ...] = ALL_VERBS
    to_storage: Conversion = same
    from_storage: Conversion = same

    @property
    def plural(self) -> str:
        return self.names.plural

    @property
    def kind(self) -> str:
        return self.names.kind

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        return not self.type_name

    @property
    def struct(self) -> Struct:
        """The Go type, which knows how strategic patches merge."""
        return struct(self.type_name)

    def subresources(self) -> list[str]:
        """The names that may follow an object's name in a path."""
        return [*self.rules.subresources, *(["scale"] if self.scale else [])]


def _field(*path: str) -> FieldReader:
    def read(obj: JsonObject) -> str:
        value = dig(obj, *path)
        return "" if value is None else str(value)

    return read


def _fields(*paths: str) -> dict[str, FieldReader]:
    return {path: _field(*path.split(".")) for path in paths}


_META_FIELDS = _fields("metadata.name", "metadata.namespace")

_POD_FIELDS = _META_FIELDS | _fields(
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)

_EVENT_FIELDS = _META_FIELDS | _fields(
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "type",
)


def _source(event: JsonObject) -> str:
    return str(dig(event, "source", "component") or event.get("reportingComponent", ""))


_EVENT_FIELDS["source"] = _source
_EVENT_V1_FIELDS = {
    {"reportingComponent": "reportingController"}.get(name, name.replace("involvedObject", "regarding")): read
    for name, read in _EVENT_FIELDS.items()
    if name != "source"
}


def _v1(
    names: Names, rules: Kind, shown: tuple[Column, ...], fields: Mapping[str, FieldReader] = _META_FIELDS
) -> Resource:
    bucket, type_name = names.plural, f"{_CORE}.{names.kind}"
    return Resource("", "v1", names, rules, bucket, type_name=type_name, columns=shown, fields=fields)


def _apps(names: Names, rules: Kind, shown: tuple[Column, ...], scale: Scale | None = scales.WORKLOAD) -> Resource:
    return Resource(
        "apps",
        "v1",
        names,
        rules,
        f"apps/{names.plural}",
        type_name=f"io.k8s.api.apps.v1.{names.kind}",
        columns=shown,
        fields=_META_FIELDS,
        scale=scale,
    )


_HPA = Names("horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",), ("all",))
_DEFINITIONS = "customresourcedefinitions"
_EVENTS = Names("events", "Event", ("ev",))

DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    Names(_DEFINITIONS, "CustomResourceDefinition", ("crd", "crds"), ("api-extensions",)),
    DEFINITION,
    f"apiextensions.k8s.io/{_DEFINITIONS}",
    namespaced=False,
    type_name="io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    fields=_fields("metadata.name"),
)
NAMESPACES = Resource(
    "",
    "v1",
    Names("namespaces", "Namespace", ("ns",)),
    NAMESPACE,
    "namespaces",
    namespaced=False,
    type_name=f"{_CORE}.Namespace",
    columns=columns.NAMESPACE,
    fields=_fields("metadata.name", "status.phase", "name"),
)
PODS = _v1(Names("pods", "Pod", ("po",), ("all",)), POD, columns.POD, _POD_FIELDS)
EVENTS = _v1(_EVENTS, EVENT, columns.EVENT, _EVENT_FIELDS)
DAEMON_SETS = _apps(Names("daemonsets", "DaemonSet", ("ds",), ("all",)), DAEMON_SET, columns.DAEMON_SET, scale=None)
DEPLOYMENTS = _apps(Names("deployments", "Deployment", ("deploy",), ("all",)), DEPLOYMENT, columns.DEPLOYMENT)
REPLICA_SETS = _apps(Names("replicasets", "ReplicaSet", ("rs",), ("all",)), REPLICA_SET, columns.REPLICA_SET)

# The order is that of discovery: the first version of a group is its preferred one.
BUILT_IN = (
    _v1(Names("configmaps", "ConfigMap", ("cm",)), CONFIG_MAP, columns.CONFIG_MAP),
    EVENTS,
    NAMESPACES,
    PODS,
    _v1(Names("secrets", "Secret"), SECRET, columns.SECRET, _META_FIELDS | _fields("type")),
    _v1(Names("serviceaccounts", "ServiceAccount", ("sa",)), SERVICE_ACCOUNT, columns.SERVICE_ACCOUNT),
    _v1(
        Names("services", "Service", ("svc",), ("all",)),
        SERVICE,
        columns.SERVICE,
        _META_FIELDS | _fields("spec.clusterIP", "spec.type"),
    ),
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    Resource(
        "events.k8s.io",
        "v1",
        _EVENTS,
        EVENT_V1,
        EVENTS.bucket,
        type_name="io.k8s.api.events.v1.Event",
        columns=columns.EVENT,
        fields=_EVENT_V1_FIELDS,
        to_storage=from_events_v1,
        from_storage=as_events_v1,
    ),
    Resource(
        "autoscaling",
        "v2",
        _HPA,
        AUTOSCALER,
        f"autoscaling/{_HPA.plural}",
        type_name="io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
        columns=columns.AUTOSCALER,
        fields=_META_FIELDS,
    ),
    Resource(
        "autoscaling",
        "v1",
        _HPA,
        AUTOSCALER_V1,
        f"autoscaling/{_HPA.plural}",
        type_name="io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler",
        columns=columns.AUTOSCALER,
        fields=_META_FIELDS,
        verbs=("create", "get", "list", "watch"),
        to_storage=from_v1,
        from_storage=as_v1,
    ),
    DEFINITIONS,
)


def defined_resources(definition: JsonObject) -> list[Resource]:
    """The resources that an established CRD adds: one for each served version."""
    spec = definition["spec"]
    names = Names(
        dig(spec, "names", "plural"),
        dig(spec, "names", "kind"),
        tuple(items(spec, "names", "shortNames")),
        tuple(items(spec, "names", "categories")),
        dig(spec, "names", "singular"),
    )
    stored = next(version for version in items(spec, "versions") if version.get("storage"))
    served = [version for version in items(spec, "versions") if version.get("served")]
    served.sort(
        key=lambda version: not version.get("storage")
    )  # whoever takes any version gets the one without conversion
    return [_defined(spec, names, version, stored) for version in served]


def _defined(spec: JsonObject, names: Names, version: JsonObject, stored: JsonObject) -> Resource:
    return Resource(
        spec["group"],
        version["name"],
        names,
        defined_kind(version),
        f"{spec['group']}/{names.plural}",
        namespaced=spec["scope"] == "Namespaced",
        schema=mapping(version, "schema", "openAPIV3Schema"),
        columns=columns.of_definition(version),
        fields=_META_FIELDS,
        scale=scales.of_definition(version),
        to_storage=same if version is stored else _converted(spec["group"], stored),
        from_storage=same if version is stored else _converted(spec["group"], version),
    )


def _converted(group: str, version: JsonObject) -> Conversion:
    """Conversion to a version by the strategy None: another apiVersion, and only the fields that the version has."""
    schema = mapping(version, "schema", "openAPIV3Schema")

    def convert(obj: JsonObject) -> JsonObject:
        converted: JsonObject = {**copy_json(obj), "apiVersion": f"{group}/{version['name']}"}
        prune(converted, schema, "", [], root=True)
        return converted

    return convert
