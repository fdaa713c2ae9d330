"""From a request to an answer: audit, faults, discovery, and the verbs on resources. Knows nothing of sockets."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from infra.local.kubernetes import discovery, errors, openapi
from infra.local.kubernetes.answers import Response
from infra.local.kubernetes.api import Api, Target
from infra.local.kubernetes.audit import AuditEntry
from infra.local.kubernetes.bodies import Media, review
from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.options import media_type
from infra.local.kubernetes.representations import Representation
from infra.local.kubernetes.request import Request, Route, route_of
from infra.local.kubernetes.resources import Resource
from infra.local.kubernetes.verbs import Verbs

Fault: TypeAlias = Callable[[AuditEntry], int | None]

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_TEXT = "text/plain; charset=utf-8"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Application:
    """The API. `fault` may answer any request with an error status of its own instead."""

    api: Api
    catalog: Catalog
    address: str = ""
    fault: Fault | None = None
    audit: list[AuditEntry] = field(default_factory=list)
    _verbs: Verbs = field(init=False)

    def __post_init__(self) -> None:
        self._verbs = Verbs(self.api)

    def handle(self, request: Request) -> Response:
        """Answers, and notes it in the audit log before the answer leaves."""
        route = route_of(request)
        entry = AuditEntry(request.user, route.verb, route.resource, route.subresource, route.namespace, route.name)
        try:
            response, name = self._faulted(entry) or self._answer(request, route)
        except ApiError as error:
            response, name = _refusal(error), ""
        except Exception as error:  # noqa: BLE001 - a server answers, whatever happens
            _log.exception("The embedded API failed at %s %s", request.method, request.path)
            response, name = _refusal(errors.internal(repr(error))), ""
        self.audit.append(replace(entry, name=entry.name or name, code=response.status))
        return response

    def _faulted(self, entry: AuditEntry) -> tuple[Response, str] | None:
        code = self.fault(entry) if self.fault else None
        return (_refusal(errors.generic(code)), "") if code else None

    def _answer(self, request: Request, route: Route) -> tuple[Response, str]:
        """The answer, and the name of the object where only the body of the request has it."""
        if request.path == _REVIEWS and request.method == "POST":
            return Response(201, Representation().encode(review(request.body, media_type(request)))), ""
        if not route.resource or not self.catalog.serves(route.group, route.version):
            return self._outside(request), ""
        target = self._target(route)
        if route.verb == "create":
            return self._verbs.create(request, target)
        return self._act(route.verb)(request, target), ""

    def _act(self, verb: str) -> Callable[[Request, Target], Response]:
        return {
            "get": self._verbs.read,
            "list": self._verbs.list_all,
            "watch": self._verbs.watch,
            "update": self._verbs.update,
            "patch": self._verbs.patch,
            "delete": self._verbs.delete,
            "deletecollection": self._verbs.delete_all,
        }[verb]

    def _target(self, route: Route) -> Target:
        resource = self.catalog.find(route.group, route.version, route.resource)
        if resource is None or route.rest:
            raise errors.generic(404)
        target = Target(resource, route.namespace if resource.namespaced else "", route.name, route.subresource)
        if route.subresource and route.subresource not in resource.subresources():
            raise target.not_found() if resource.custom else errors.generic(404)
        if route.verb not in resource.verbs or _misplaced(route, resource):
            raise errors.generic(405)
        return target

    def _outside(self, request: Request) -> Response:
        """Everything that is not about a resource."""
        parts = [part for part in request.path.split("/") if part]
        if parts[:1] in (["healthz"], ["livez"], ["readyz"]):
            return Response(200, b"ok", _TEXT)
        found = self._described(parts)
        if found is not None:
            return Response(200, Representation().encode(found))
        if parts[:1] == ["api"] or (parts[:1] == ["apis"] and len(parts) == 3 and parts[1] in self.catalog.groups()):
            raise errors.generic(404)  # the group is there, but not in this version
        return Response(404, b"404 page not found\n", _TEXT)

    def _described(self, parts: list[str]) -> JsonObject | None:
        """What the API says about itself."""
        match parts:
            case ["version"]:
                return discovery.VERSION
            case ["api"]:
                return discovery.core_versions(self.address)
            case ["apis"]:
                return discovery.group_list(self.catalog)
            case ["apis", group]:
                return discovery.group(self.catalog, group)
            case ["api" | "apis" as root, *rest]:
                return self._in_version(discovery.resource_list, root, rest)
            case ["openapi", "v3"]:
                return openapi.index(self.catalog)
            case ["openapi", "v3", "api" | "apis" as root, *rest]:
                return self._in_version(openapi.document, root, rest)
            case _:
                return None

    def _in_version(
        self, describe: Callable[[Catalog, str, str], JsonObject | None], root: str, rest: list[str]
    ) -> JsonObject | None:
        match root, rest:
            case "api", [version]:
                return describe(self.catalog, "", version)
            case "apis", [group, version]:
                return describe(self.catalog, group, version)
            case _:
                return None


def _misplaced(route: Route, resource: Resource) -> bool:
    """Whether a path lacks what its verb needs: a name, or the namespace of a namespaced object."""
    if route.name and route.verb == "create":
        return True
    if not route.name and route.verb in {"get", "update", "patch", "delete"}:
        return True
    return resource.namespaced and not route.namespace and route.verb not in {"list", "watch"}


def _refusal(error: ApiError) -> Response:
    headers = (("Retry-After", "1"),) if error.code == 429 else ()
    return Response(error.code, Representation().encode(error.status), Media.JSON, headers)
