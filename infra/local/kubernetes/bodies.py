"""From the body of a request to an object in storage form: the type it claims, unknown fields, defaults, conversion."""

import json
from enum import StrEnum
from typing import Any, Protocol

from infra.local.kubernetes import errors
from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.objects import JsonObject, dig
from infra.local.kubernetes.problems import invalid
from infra.local.kubernetes.protobuf import decode
from infra.local.kubernetes.resources import Resource
from infra.local.kubernetes.shapes import WrongTypeError

DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_REVIEW = "io.k8s.api.authorization.v1.SelfSubjectAccessReview"


class Media(StrEnum):
    """The media types of bodies."""

    JSON = "application/json"
    YAML = "application/yaml"
    PROTOBUF = "application/vnd.kubernetes.protobuf"


class Strictness(Protocol):
    """What a write wants done about unknown fields: Strict refuses, Warn tells, Ignore drops them silently."""

    field_validation: str
    warnings: list[str]


def parse(text: bytes, media_type: str, expected: str, type_name: str = "") -> JsonObject:
    """The object in the body of a request: JSON, YAML, or the protobuf of a Go type; a 400 answer for anything else."""
    if not text:
        raise _unreadable(expected, "unexpected end of JSON input (<empty>)")
    try:
        value = _load(text, media_type, type_name)
    except ValueError as error:
        raise _unreadable(expected, f"{error} ({text[:24].decode(errors='replace')})") from None
    if not isinstance(value, dict):
        raise _unreadable(expected, f"an object is expected ({text[:24].decode(errors='replace')})")
    return value


def _load(text: bytes, media_type: str, type_name: str) -> Any:
    match media_type:
        case Media.YAML:
            return _load_yaml(text)
        case Media.PROTOBUF:
            return decode(text, type_name)
        case _:
            return json.loads(text)


def review(text: bytes, media_type: str) -> JsonObject:
    """The answer to a SelfSubjectAccessReview: everything is allowed, because there is no authorization here."""
    body = parse(text, media_type, "SelfSubjectAccessReview", _REVIEW)
    return {**body, "metadata": {}, "status": {"allowed": True}}


def _unreadable(expected: str, why: str) -> ApiError:
    subject = f"the object provided is unrecognized (must be of type {expected})"
    return errors.bad_request(f"{subject}: couldn't get version/kind; json parse error: {why}")


def _load_yaml(text: bytes) -> Any:
    import yaml  # noqa: PLC0415 - seldom needed, and slow to load

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def read_body(resource: Resource, body: JsonObject, strictness: Strictness, *, patched: bool = False) -> JsonObject:
    """The object in storage form, with its defaults. `patched` bodies are our own objects after a client's patch."""
    _check_type(resource, body, patched=patched)
    body = {**body, "kind": resource.kind, "apiVersion": resource.api_version}
    try:
        reading = resource.rules.read(body)
    except WrongTypeError as error:
        raise _mishandled(resource, str(error), patched=patched) from None
    if reading.unknown:
        _report(resource, reading.unknown, strictness, patched=patched)
    obj = reading.obj
    obj.setdefault("metadata", {}).pop("managedFields", None)
    resource.rules.complete(obj)
    return resource.to_storage(obj)


def _check_type(resource: Resource, body: JsonObject, *, patched: bool) -> None:
    kind, version = body.get("kind", ""), body.get("apiVersion", "")
    if resource.custom:
        _check_custom_type(resource, body, patched=patched)
    elif (kind and kind != resource.kind) or (version and version != resource.api_version):
        kind, version = kind or resource.kind, str(version or resource.api_version)
        why = f'no kind "{kind}" is registered for version "{version}"'
        if patched:
            raise _mishandled(resource, why, patched=True)
        short = version.rpartition("/")[2]
        raise errors.bad_request(f'{kind} in version "{short}" cannot be handled as a {resource.kind}: {why}')


def _check_custom_type(resource: Resource, body: JsonObject, *, patched: bool) -> None:
    kind, version, name = body.get("kind", ""), body.get("apiVersion", ""), dig(body, "metadata", "name") or ""
    for value, title in ((kind, "Kind"), (version, "apiVersion")):
        if not value:
            text = json.dumps(body)
            subject = f"the object provided is unrecognized (must be of type {resource.kind})"
            raise errors.bad_request(f"{subject}: Object '{title}' is missing in '{text}'")
    if kind != resource.kind:
        raise errors.invalid(resource.group, kind, name, [invalid("kind", kind, f"must be {resource.kind}")])
    if version != resource.api_version and patched:
        problem = invalid("apiVersion", version, f"must be {resource.api_version}")
        raise errors.invalid(resource.group, kind, name, [problem])
    if version != resource.api_version:
        expected = f"the expected API version ({resource.api_version})"
        raise errors.bad_request(f"the API version in the data ({version}) does not match {expected}")


def _report(resource: Resource, unknown: list[str], strictness: Strictness, *, patched: bool) -> None:
    sentences = [f'unknown field "{path}"' for path in unknown]
    if strictness.field_validation == "Warn":
        strictness.warnings += sentences
    if strictness.field_validation != "Strict":
        return
    raise _mishandled(resource, f"strict decoding error: {', '.join(sentences)}", patched=patched)


def _mishandled(resource: Resource, why: str, *, patched: bool) -> ApiError:
    """A body that its type cannot hold. When a patch made it, the patch is to blame."""
    if patched:
        return errors.invalid("", "", "", [invalid("patch", "", why)])
    kind, version = resource.kind, resource.version
    return errors.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')
