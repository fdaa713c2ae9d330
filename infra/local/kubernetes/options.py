"""What a request says about how to do what it asks: dry runs, field validation, deletion options, kinds of patches."""

from collections.abc import Callable
from functools import partial
from json import loads
from typing import Any

from infra.local.kubernetes import errors, strategic
from infra.local.kubernetes.api import Deletion, Patch, Target, Write
from infra.local.kubernetes.bodies import DELETE_OPTIONS, Media, parse
from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.objects import JsonObject, mapping
from infra.local.kubernetes.patch import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    apply_operations,
    merge,
)
from infra.local.kubernetes.problems import Problem, not_supported
from infra.local.kubernetes.request import Request


def write_of(request: Request, options: str) -> Write:
    """How to write; a 422 answer, about an object called `options`, for a query that cannot be understood."""
    validation = request.query.get("fieldValidation") or "Warn"
    if validation not in {"Ignore", "Warn", "Strict"}:
        raise _bad_option(options, not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]))
    return Write(_dry_run(request, options), validation)


def _bad_option(options: str, problem: Problem) -> ApiError:
    return errors.invalid("meta.k8s.io", options, "", [problem])


def _dry_run(request: Request, options: str) -> bool:
    text = request.query.get("dryRun", "")
    if text not in {"", "All"}:
        raise _bad_option(options, not_supported("dryRun", [text], ["All"]))
    return text == "All"


def media_type(request: Request) -> str:
    """The media type of the body, JSON where none is given."""
    return request.headers.get("content-type", Media.JSON).partition(";")[0].strip()


def body_of(request: Request, target: Target, expected: str) -> JsonObject:
    """The object in the body of a request; a 415 answer for a media type that cannot be read."""
    accepted = [Media.JSON, Media.YAML] if target.resource.custom else list(Media)
    if (given := media_type(request)) not in accepted:
        raise errors.unsupported_media_type(accepted)
    name = "io.k8s.api.autoscaling.v1.Scale" if expected == "Scale" else target.resource.type_name
    return parse(request.body, given, expected, name)


def deletion_of(request: Request) -> tuple[Deletion, bool]:
    """The options of a DELETE, from its body or its query, and whether it is a dry run."""
    body = parse(request.body, media_type(request), "DeleteOptions", DELETE_OPTIONS) if request.body else {}
    preconditions = mapping(body, "preconditions")
    policy = body.get("propagationPolicy") or request.query.get("propagationPolicy", "")
    if policy not in {"", "Background", "Foreground", "Orphan"}:
        supported = ["Foreground", "Background", "Orphan", "nil"]
        raise _bad_option("DeleteOptions", not_supported("propagationPolicy", policy, supported))
    grace = body.get("gracePeriodSeconds")
    deletion = Deletion(
        preconditions.get("uid"),
        preconditions.get("resourceVersion"),
        policy,
        request.number("gracePeriodSeconds") if grace is None else grace,
    )
    return deletion, body.get("dryRun") == ["All"] or _dry_run(request, "DeleteOptions")


def patch_of(request: Request, target: Target) -> Patch:
    """The change that a PATCH asks for.

    Server-side apply needs the ownership of fields, which is not kept here: a 415 answer.
    """
    given = media_type(request)
    offered = [JSON_PATCH, MERGE_PATCH] + ([] if target.resource.custom else [STRATEGIC_PATCH])
    if given not in offered:
        hint = " (server-side apply is not supported by the embedded API)" if given == APPLY_PATCH else ""
        raise errors.unsupported_media_type([*offered[:-1], offered[-1] + hint])
    change = _decoded(request.body)
    if given == JSON_PATCH:
        return partial(_applied, apply_operations, change)
    if not isinstance(change, dict):
        raise errors.bad_request("error decoding patch: an object is expected")
    if given == MERGE_PATCH or target.subresource == "scale":
        return partial(_applied, merge, change)
    return lambda obj: strategic.merge(obj, change, target.resource.struct)


def _applied(function: Callable[[Any, Any], Any], change: Any, obj: JsonObject) -> JsonObject:
    patched: JsonObject = function(obj, change)
    return patched


def _decoded(body: bytes) -> Any:
    try:
        return loads(body)
    except ValueError as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None
