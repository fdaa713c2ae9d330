"""An AdmissionReview as the API server sends it, read strictly: a request, or what is wrong with it.

The objects in it are passed on as they came, for nothing but the judgement of Canaries and the question whether they
changed at all. Their values stay out of ``repr``, which is where logs and tracebacks take values from.

It must never raise, and never take anything for true: whoever knows the URL can send one.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.body import Refusal, media_type, read_object
from shared.canary.fields import Field
from shared.render.differences import at

if TYPE_CHECKING:
    from shared.json_types import Json

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"

LARGEST = 7 * 1024 * 1024
"""Bytes of a review. The API server takes requests of 3 MiB (``MaxRequestBodyBytes``), and a review holds the object
twice, new and old; the rest is for what surrounds them. A ConfigMap can be larger in a review than in its request, for
the API server writes ``<`` as six characters: a megabyte of nothing else makes a review of 12 MiB. That one gets 413,
and the sweep finds its change."""

_UID = re.compile(r"[!-~]{1,128}")
_LONGEST = 253


class Operation(StrEnum):
    """What is being done to the object; CONNECT, the API's fourth, is not about objects."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What is about to happen to one object.

    ``group`` and ``kind`` are those of ``obj`` and ``old``, the object after and before: no ``old`` on CREATE, no
    ``obj`` on DELETE. ``subresource`` is empty, or ``status`` or ``scale``. ``name`` is also there where the API server
    leaves it out, for the deletion of a whole collection.
    """

    uid: str
    operation: Operation
    group: str
    kind: str
    subresource: str
    namespace: str
    name: str
    dry_run: bool
    obj: Json | None = field(repr=False)
    old: Json | None = field(repr=False)


def parse_review(content_type: str, body: bytes) -> AdmissionRequest | Refusal:
    """The request in an AdmissionReview; or a refusal with 413, 415, 400 (no JSON) or 422 (no such review)."""
    if media_type(content_type) != "application/json":
        return Refusal(415, "the content type is not application/json in UTF-8: send an AdmissionReview as JSON")
    review = read_object(body, LARGEST)
    if isinstance(review, Refusal):
        return review
    if review.get("apiVersion") != API_VERSION or review.get("kind") != KIND:
        return Refusal(422, f"the body is no {KIND} of {API_VERSION}: ask for this version in admissionReviewVersions")
    return _read_request(Field(review, "", []).at("request").required().section())


def _read_request(request: Field) -> AdmissionRequest | Refusal:
    operation = request.at("operation").required().choice(tuple(Operation), Operation.CREATE)
    obj, old = request.at("object"), request.at("oldObject")
    kind = request.at("kind").required().section()
    read = AdmissionRequest(
        uid=request.at("uid").required().text(_check_uid),
        operation=Operation(operation),
        group=kind.at("group").text(_check_length),
        kind=kind.at("kind").required().text(_check_length),
        subresource=request.at("subResource").text(_check_length),
        namespace=request.at("namespace").text(_check_length),
        name=_read_name(request),
        dry_run=request.at("dryRun").flag(),
        obj=(obj if operation == Operation.DELETE else obj.required()).blob(),
        old=(old.required() if operation == Operation.UPDATE else old).blob(),
    )
    return _refuse(request) if request.problems else read


def _read_name(request: Field) -> str:
    named = (request.at("object"), request.at("oldObject"))
    found = (at(each.value, ("metadata", "name")) for each in named)
    return request.at("name").text(_check_length) or next((name for name in found if isinstance(name, str)), "")


def _refuse(request: Field) -> Refusal:
    """Names the fields alone: what was wrong in them may be a secret."""
    paths = ", ".join(dict.fromkeys(problem.path for problem in request.problems))
    return Refusal(422, f"the {KIND} is not as {API_VERSION} says: {paths} missing, too long or of another type")


def _check_uid(text: str) -> str | None:
    return None if _UID.fullmatch(text) else "must be 1 to 128 visible ASCII characters"


def _check_length(text: str) -> str | None:
    return None if len(text) <= _LONGEST else f"must have at most {_LONGEST} characters"
