"""Discovery: what `kubectl api-resources` and every client that maps kinds to paths reads first."""

from typing import Any

from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.resources import Resource

VERSION = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.4+embedded",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "python",
    "platform": "any/any",
}


def core_versions(address: str) -> JsonObject:
    """The answer to /api."""
    clients = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": clients}


def group_list(catalog: Catalog) -> JsonObject:
    """The answer to /apis."""
    groups = [_group(name, versions) for name, versions in catalog.groups().items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(catalog: Catalog, name: str) -> JsonObject | None:
    """The answer to /apis/GROUP; None when there is no such group."""
    versions = catalog.groups().get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if name and versions else None


def _group(name: str, versions: list[str]) -> JsonObject:
    offered = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": offered, "preferredVersion": offered[0]}


def resource_list(catalog: Catalog, group_name: str, version: str) -> JsonObject | None:
    """The answer to /api/v1 and /apis/GROUP/VERSION; None when nothing is served there."""
    found = [each for each in catalog.resources() if (each.group, each.version) == (group_name, version)]
    if not found:
        return None
    entries = [entry for resource in found for entry in _entries(resource)]
    group_version = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _entries(resource: Resource) -> list[JsonObject]:
    names = resource.names
    entry: dict[str, Any] = {
        "name": names.plural,
        "singularName": names.singular,
        "namespaced": resource.namespaced,
        "kind": names.kind,
        "verbs": list(resource.verbs),
    }
    if names.short:
        entry["shortNames"] = list(names.short)
    if names.categories:
        entry["categories"] = list(names.categories)
    return [entry, *(_subresource(resource, name) for name in resource.subresources())]


def _subresource(resource: Resource, name: str) -> JsonObject:
    changed = [verb for verb in ("patch", "update") if verb in resource.verbs]
    entry: JsonObject = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["update"] if name == "finalize" else ["get", *changed],
    }
    return {**entry, "group": "autoscaling", "version": "v1", "kind": "Scale"} if name == "scale" else entry
