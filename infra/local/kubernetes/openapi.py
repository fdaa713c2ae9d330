"""OpenAPI v3 of what is served, as far as clients use it: kubectl reads from it that fields are validated by the
server, how lists merge, and what `kubectl explain` shows.
"""

import hashlib
import json
from typing import Any

from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.gotypes import META, type_names
from infra.local.kubernetes.objects import JsonObject, mapping
from infra.local.kubernetes.resources import Resource

_REF = "#/components/schemas/"
_PREFIXES = (("*", ""), ("[]", "array"), ("{}", "object"))
_LEAVES: dict[str, JsonObject] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "intorstring": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "any": {},
    "schemaor": {},
}
_WRITE_OPTIONS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def index(catalog: Catalog) -> JsonObject:
    """The answer to /openapi/v3: where the document of each group and version is. The hash changes with its content."""
    paths = {}
    for group, versions in catalog.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(catalog, group, version)}"}
    return {"paths": paths}


def _hash(catalog: Catalog, group: str, version: str) -> str:
    seen = [[each.plural, each.schema] for each in _served(catalog, group, version)]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _served(catalog: Catalog, group: str, version: str) -> list[Resource]:
    return [each for each in catalog.resources() if (each.group, each.version) == (group, version)]


def document(catalog: Catalog, group: str, version: str) -> JsonObject | None:
    """The answer to /openapi/v3/apis/GROUP/VERSION; None when nothing is served there."""
    resources = _served(catalog, group, version)
    if not resources:
        return None
    schemas: JsonObject = {}
    for resource in resources:
        schemas |= _schemas(resource)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.35.4+embedded"},
        "paths": {path: item for resource in resources for path, item in _paths(resource).items()},
        "components": {"schemas": schemas},
    }


def _identity(resource: Resource) -> JsonObject:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def schema_name(resource: Resource) -> str:
    """`io.k8s.api.apps.v1.Deployment`, or `app.flagger.v1beta1.Canary` for a custom resource."""
    reverse = ".".join(reversed(resource.group.split(".")))
    return resource.type_name or f"{reverse}.{resource.version}.{resource.kind}"


def _schemas(resource: Resource) -> JsonObject:
    name = schema_name(resource)
    found = {name: _custom_schema(resource), **_closure(f"{META}.ObjectMeta")} if resource.custom else _closure(name)
    return {**found, name: {**found[name], "x-kubernetes-group-version-kind": [_identity(resource)]}}


def _custom_schema(resource: Resource) -> JsonObject:
    properties = {
        **mapping(resource.schema, "properties"),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": f"{_REF}{META}.ObjectMeta"}]},
    }
    return {**resource.schema, "type": "object", "properties": properties}


def _closure(name: str) -> JsonObject:
    """The schema of a Go type, and of all types that it contains."""
    found: JsonObject = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = {"type": "object", "properties": {}}
            for key, facts in type_names()[current].items():
                found[current]["properties"][key] = _property(*facts)
                waiting += [part for part in [facts[0].lstrip("*[]{}")] if part not in _LEAVES]
    return found


def _property(text: str, _flags: str = "", merge_key: str = "", strategy: str = "") -> JsonObject:
    schema = _type(text)
    if merge_key:
        schema["x-kubernetes-patch-merge-key"] = merge_key
    if strategy:
        schema["x-kubernetes-patch-strategy"] = strategy
    return schema


def _type(text: str) -> dict[str, Any]:
    for prefix, kind in _PREFIXES:
        if text.startswith(prefix):
            inner = _type(text.removeprefix(prefix))
            member = "items" if kind == "array" else "additionalProperties"
            return {"type": kind, member: inner} if kind else inner
    return dict(_LEAVES[text]) if text in _LEAVES else {"allOf": [{"$ref": _REF + text}], "default": {}}


def _paths(resource: Resource) -> JsonObject:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    collection, single = f"{scope}/{resource.plural}", f"{scope}/{resource.plural}/{{name}}"
    return {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")},
        single: {verb: _operation(resource, verb) for verb in ("get", "put", "patch", "delete")},
    }


def _operation(resource: Resource, action: str) -> JsonObject:
    answer = {"application/json": {"schema": {"$ref": _REF + schema_name(resource)}}}
    operation: JsonObject = {
        "operationId": f"{action}{resource.group.title().replace('.', '')}{resource.version.title()}{resource.kind}",
        "responses": {"200": {"description": "OK", "content": answer}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _identity(resource),
    }
    return {**operation, "parameters": _WRITE_OPTIONS} if action in {"post", "put", "patch"} else operation
