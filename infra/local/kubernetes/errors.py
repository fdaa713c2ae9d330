"""Every refusal of the embedded API: one exception that carries the Status object which the real API server would send.

Constructors mirror k8s.io/apimachinery/pkg/api/errors. Code that refuses a request raises one of these; the server
writes its `status` with its `code`, and nothing else ever reaches a client as an error.
"""

from collections.abc import Sequence
from http import HTTPStatus

from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.problems import Problem

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

# The sentences of NewGenericServerResponse, for answers that are about the request and not about an object.
_GENERIC = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "the server refused the request"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    409: ("Conflict", "the server reported a conflict"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        "the server was unable to return a response in the time allotted, but may still be processing the request",
    ),
}


class ApiError(Exception):
    """A request that is answered with a Status object. `status["code"]` is also the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: JsonObject | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = failure(code, reason, message, details)


def failure(code: int, reason: str, message: str, details: JsonObject | None = None) -> JsonObject:
    """A Status object that reports a failure."""
    status: JsonObject = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = code
    return status


def success(details: JsonObject) -> JsonObject:
    """The Status object that answers a deletion."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(name: str, group: str, kind: str, causes: list[JsonObject] | None = None) -> JsonObject:
    details = {"name": name, "group": group, "kind": kind, "causes": causes}
    return {key: value for key, value in details.items() if value}


def qualified(group: str, name: str) -> str:
    """`deployments.apps`, or only `pods` where the group is empty."""
    return f"{name}.{group}" if group else name


def generic(code: int) -> ApiError:
    """An answer that is not about one object; for codes without a sentence of their own, the HTTP phrase."""
    reason, message = _GENERIC.get(code, ("InternalError", HTTPStatus(code).phrase))
    details: JsonObject = {"retryAfterSeconds": 1} if code == HTTPStatus.TOO_MANY_REQUESTS else {}
    return ApiError(code, reason, message, details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def not_found(group: str, plural: str, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{qualified(group, plural)} "{name}" not found', _details(name, group, plural))


def already_exists(group: str, plural: str, name: str) -> ApiError:
    return ApiError(
        409, "AlreadyExists", f'{qualified(group, plural)} "{name}" already exists', _details(name, group, plural)
    )


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> ApiError:
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(name, group, plural))


def forbidden(group: str, plural: str, name: str, why: str, causes: list[JsonObject] | None = None) -> ApiError:
    message = f'{qualified(group, plural)} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(name, group, plural, causes))


def invalid(group: str, kind: str, name: str, problems: Sequence[Problem]) -> ApiError:
    """Refuses an object, naming every field that is wrong."""
    sentences = list(dict.fromkeys(str(problem) for problem in problems))
    body = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    causes: list[JsonObject] = [{"reason": p.reason, "message": p.message, "field": p.field} for p in problems]
    message = f'{qualified(group, kind)} "{name}" is invalid: {body}'
    return ApiError(422, "Invalid", message, _details(name, group, kind, causes))


def internal(message: str) -> ApiError:
    causes: list[JsonObject] = [{"message": message}]
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", {"causes": causes})


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiError(415, "UnsupportedMediaType", message)


def not_acceptable(offered: Sequence[str]) -> ApiError:
    message = f"406: Not Acceptable\n\nAvailable representations: {', '.join(offered)}"
    return ApiError(406, "NotAcceptable", message, {})
