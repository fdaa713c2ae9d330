"""CustomResourceDefinitions (k8s.io/apiextensions-apiserver). `catalog` serves what an established one defines."""

from infra.local.kubernetes import names
from infra.local.kubernetes.kinds.kind import Kind, keep_spec
from infra.local.kubernetes.kinds.podchecks import all_of, one_of
from infra.local.kubernetes.kinds.podspec import fill
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.kinds.schemas import check_schema, version_schemas
from infra.local.kubernetes.objects import JsonObject, copy_json, items, mapping
from infra.local.kubernetes.problems import IMMUTABLE, Problem, forbidden, invalid, required

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def _complete(obj: JsonObject) -> None:
    spec = obj["spec"]
    named = spec["names"]
    if kind := named.get("kind"):
        fill(named, singular=kind.lower(), listKind=f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
    for version in items(spec, "versions"):
        for column in items(version, "additionalPrinterColumns"):
            if not column.get("priority"):
                column.pop("priority", None)


def _begin(obj: JsonObject) -> None:
    stored = [version["name"] for version in items(obj, "spec", "versions") if version.get("storage")]
    obj["status"] = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}


def _inherit(new: JsonObject, old: JsonObject) -> None:
    new["status"] = copy_json(old["status"])
    for version in items(new, "spec", "versions"):
        known = new["status"].setdefault("storedVersions", [])
        if version.get("storage") and version["name"] not in known:
            known.append(version["name"])


def _terminate(obj: JsonObject) -> None:
    """Before a definition goes, all objects that it defines have to go."""
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if CLEANUP not in finalizers:
        finalizers.append(CLEANUP)


def _check(obj: JsonObject) -> list[Problem]:
    spec = obj["spec"]
    group, plural = spec.get("group", ""), mapping(spec, "names").get("plural", "")
    found = _check_name(obj["metadata"].get("name", ""), plural, group)
    found += all_of(group, names.dns_subdomain, "spec.group") if group else [required("spec.group")]
    found += (
        one_of(spec.get("scope", ""), ("Cluster", "Namespaced"), "spec.scope")
        if spec.get("scope")
        else [required("spec.scope")]
    )
    found += _check_versions(obj)
    found += _check_names(mapping(spec, "names"))
    if mapping(spec, "conversion").get("strategy") != "None":
        found.append(forbidden("spec.conversion.strategy", "conversion webhooks are not called by the embedded API"))
    return found


def _check_name(name: str, plural: str, group: str) -> list[Problem]:
    wanted = f"{plural}.{group}"
    return (
        []
        if not name or name == wanted
        else [invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')]
    )


def _check_names(named: JsonObject) -> list[Problem]:
    found = []
    for key in ("plural", "singular", "kind", "listKind"):
        value = named.get(key, "")
        if not value:
            found.append(required(f"spec.names.{key}"))
        else:
            found += all_of(value.lower(), names.dns_1035_label, f"spec.names.{key}")
    for index, name in enumerate(items(named, "shortNames")):
        found += all_of(name, names.dns_1035_label, f"spec.names.shortNames[{index}]")
    return found


def _check_versions(obj: JsonObject) -> list[Problem]:
    versions = version_schemas(obj)
    if not versions:
        return [invalid("spec.versions", [], "must have exactly one version marked as storage version")]
    found = []
    shared = all(schema is not None and schema == versions[0][2] for _, _, schema in versions)
    if shared:  # the API server takes one schema for all versions out of them first
        found += check_schema(versions[0][2] or {}, "spec.validation.openAPIV3Schema")
    for index, version, schema in versions:
        path = f"spec.versions[{index}]"
        found += all_of(version.get("name", ""), names.dns_1035_label, f"{path}.name")
        if schema is None:
            found.append(required(f"{path}.schema.openAPIV3Schema"))
        elif not shared:
            found += check_schema(schema, f"{path}.schema.openAPIV3Schema")
    if sum(bool(version.get("storage")) for _, version, _ in versions) != 1:
        found.append(
            invalid(
                "spec.versions",
                items(obj, "spec", "versions"),
                "must have exactly one version marked as storage version",
            )
        )
    return found


def _check_change(new: JsonObject, old: JsonObject) -> list[Problem]:
    return [
        invalid(f"spec.{key}", new["spec"].get(key), IMMUTABLE)
        for key in ("group", "scope")
        if new["spec"].get(key) != old["spec"].get(key)
    ]


DEFINITION = Kind(
    read=through("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"),
    complete=_complete,
    check=_check,
    check_change=_check_change,
    counted=lambda obj: obj.get("spec"),
    begin=_begin,
    inherit=_inherit,
    subresources={"status": keep_spec},
    terminate=_terminate,
)
