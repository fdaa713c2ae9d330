"""The one way to the Kubernetes API: raw JSON through the official client's connection, one request a call, every
answer given a meaning.

Raw JSON, because typed models drop the fields that they do not know, in users' own Deployments too. No retry in here: a
tick that fails holds its rollout, and the next tick is the retry.

It must never decide whether an error matters: callers do, by its class.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import quote

import urllib3
from kubernetes.client.exceptions import ApiException

from shared.checks.failure import describe
from shared.errors import ClusterUnavailable, Conflict, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client.api_client import ApiClient

    from shared.cluster.kinds import Kind
    from shared.json_types import Json, JsonObject

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
PAGE = 500
EXTERNAL_METRICS = "/apis/external.metrics.k8s.io/v1beta1"
MERGE_PATCH = "application/merge-patch+json"

_TLS_ADVICE = "; see that its address and its CA certificate in the settings are right"


class Guard(Protocol):
    """What all gateways to one cluster share: it may hold a request back, and hears how each one ended."""

    def before(self) -> None:
        """Return when a request may go out; ClusterUnavailable if none may."""

    def after(self, status: int) -> None:
        """The request ended with this HTTP status; 0: there was no answer."""


class Unguarded:
    """Lets every request pass."""

    def before(self) -> None:
        """At once."""

    def after(self, status: int) -> None:
        """Whatever it was."""


UNGUARDED = Unguarded()


class Gateway:
    """Requests to one cluster, which ``api`` names in messages. Make one a tick: ``spent`` counts its requests."""

    def __init__(self, client: ApiClient, guard: Guard = UNGUARDED, api: str = "Kubernetes API") -> None:
        self._client = client
        self._guard = guard
        self._api = api
        self.spent = 0
        self.date = ""
        """The ``Date`` of the last answer, which is the clock of the API server."""

    def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        """The object, or None if there is none."""
        return self._request("GET", kind.path(namespace, name))

    def every(self, kind: Kind, namespace: str | None = None) -> Iterator[JsonObject]:
        """Every object of a kind, in pages of 500; in all namespaces if none is given."""
        after = ""
        while True:
            query = [("limit", str(PAGE)), *([("continue", after)] if after else [])]
            page = self._request("GET", kind.path(namespace), query=query) or {}
            yield from page.get("items", ())
            after = page.get("metadata", {}).get("continue", "")
            if not after:
                return

    def external_metric(self, namespace: str, name: str, selector: str) -> JsonObject | None:
        """The ExternalMetricValueList of a metric, from whatever adapter the cluster has; None if it serves none."""
        query = [("labelSelector", selector)] if selector else []
        return self._request("GET", f"{EXTERNAL_METRICS}/namespaces/{namespace}/{name}", query=query)

    def look(self, path: str, **query: str) -> JsonObject | None:
        """What is at any path of the API, for who examines the API itself; None if there is nothing."""
        return self._request("GET", path, query=list(query.items()))

    def review(self, path: str, review: Json) -> JsonObject | None:
        """The answer to a review (of access, of the caller), which the API gives and does not keep."""
        return self._request("POST", path, body=review)

    def create(self, kind: Kind, obj: Json) -> JsonObject | None:
        """The created object; None if its namespace is gone. Conflict if it exists."""
        return self._request("POST", kind.path(obj["metadata"]["namespace"]), body=obj)

    def replace(self, kind: Kind, obj: Json) -> JsonObject | None:
        """The object as stored; None if there is none.

        With a ``resourceVersion`` in it, Conflict if it has been written since.
        """
        metadata = obj["metadata"]
        return self._request("PUT", kind.path(metadata["namespace"], metadata["name"]), body=obj)

    def merge(self, kind: Kind, namespace: str, name: str, patch: Json, subresource: str = "") -> JsonObject | None:
        """The object after a JSON merge patch; None if there is none."""
        path = kind.path(namespace, name, subresource)
        return self._request("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> JsonObject | None:
        """What the API says of the deletion; None if there is none. Conflict if it is another object by now.

        What the object owns is deleted in the background.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        return self._request("DELETE", kind.path(namespace, name), body=options)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> JsonObject | None:
        self._guard.before()
        self.spent += 1
        headers = {"Accept": "application/json", "Content-Type": content_type}
        call = self._client.param_serialize(
            method,
            quote(path),
            query_params=query or [],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*call, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
            status, data = int(answer.status), _text(answer.read())
            self.date = answer.getheader("Date") or ""
        except ApiException as error:
            if not error.status:  # the client's way to say that TLS failed
                raise self._silence(error, f"{method} {path}", _TLS_ADVICE) from error
            status, data = int(error.status), _text(error.body)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._silence(error, f"{method} {path}") from error
        self._guard.after(status)
        return self._meaning(status, data, f"{method} {path}")

    def _silence(self, error: Exception, request: str, advice: str = "") -> ClusterUnavailable:
        self._guard.after(0)
        return ClusterUnavailable(f"{self._api} did not answer {request}: {describe(error, 'in time')}{advice}")

    def _meaning(self, status: int, data: str, request: str) -> JsonObject | None:
        """What an answer means, from its HTTP status (Kubernetes API conventions, "HTTP Status codes")."""
        if status == 404 and _is_the_apis(data):
            return None
        if status == 409:
            raise Conflict(f"{request}: {_reason(data)}")
        # A 404 of something in front of the API says nothing of the object, and a rollout must not be forgotten for it.
        if status in (404, 429) or status >= 500:
            raise ClusterUnavailable(f"{self._api} answered {status} to {request}: {_reason(data)}")
        if not 200 <= status < 300:
            reason = _reason(data)
            raise Refused(f"{self._api} refused {request} ({status}): {reason}{_advice(status, reason)}")
        try:
            return cast("JsonObject", json.loads(data))
        except ValueError as error:
            raise ClusterUnavailable(f"{self._api} answered {request} with something that is not JSON") from error


def _is_the_apis(not_found: str) -> bool:
    """Whether a 404 comes from an API server: a Status, or its own line for a kind that it does not serve."""
    return _said(not_found, "kind") == "Status" or not_found.startswith("404 page not found")


def _advice(status: int, reason: str) -> str:
    """What the reader of a refusal can do. A 403 is RBAC's (``User "x" cannot get resource ...``), or a quota's, an
    admission webhook's or a namespace's that is being deleted, which tell enough."""
    if status == 401:
        return "; give this process credentials that are valid"
    return "; grant it as the ClusterRole of charts/serin does" if status == 403 and " cannot " in reason else ""


def _reason(data: str) -> str:
    """The message of a Kubernetes Status, or the beginning of whatever else was answered."""
    return _said(data, "message")[:500] or data[:200] or "it gave no reason"


def _said(data: str, field: str) -> str:
    """A field of a JSON object; empty if that is not what was answered."""
    try:
        return str(json.loads(data)[field])
    except (ValueError, KeyError, TypeError):
        return ""


def _text(data: object) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else str(data or "")
