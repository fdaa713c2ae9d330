"""What a request asks for: method, path and query as verb, resource and options, as k8s.io/apiserver's RequestInfo
reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.local.kubernetes.errors import bad_request

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
_NO = {"", "0", "false", "f", "no"}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: str

    def flag(self, name: str) -> bool:
        """Whether a query parameter says yes; `?watch` alone does."""
        value = self.query.get(name)
        return value is not None and (value == "" or value.lower() not in _NO)

    def number(self, name: str) -> int | None:
        """A whole number of the query; a 400 answer if it is none."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


@dataclass(frozen=True, slots=True)
class Route:
    """What a path under /api or /apis is about. Paths that name no resource have an empty `resource`."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    rest: tuple[str, ...] = field(default=())  # what no resource has: the path cannot be served


def parse_target(target: str) -> tuple[str, dict[str, str]]:
    """The path and the query of a request line. Of repeated parameters the first counts."""
    parts = urlsplit(target)
    query: dict[str, str] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(key, value)
    return parts.path, query


def route_of(request: Request) -> Route:
    """The route of a request; one without a resource for discovery, health and whatever else is outside of the
    resources.
    """
    verb = _VERBS.get(request.method, request.method.lower())
    match [unquote(part) for part in request.path.split("/") if part]:
        case ["api", version, *rest] if rest:
            return _resource_route(request, Route(verb, "", version), rest)
        case ["apis", group, version, *rest] if rest:
            return _resource_route(request, Route(verb, group, version), rest)
        case _:
            return Route(verb)


def _resource_route(request: Request, base: Route, parts: list[str]) -> Route:
    namespace = ""
    match parts:
        case ["namespaces", _, "status" | "finalize"]:
            pass  # a subresource of the namespace, not a resource in it
        case ["namespaces", given, plural, *rest]:
            namespace, parts = given, [plural, *rest]
    resource, name, subresource, *rest = [*parts, "", "", ""][: max(len(parts), 3)]
    if resource == "namespaces":
        namespace = name
    verb = base.verb
    if not name:
        verb = {"get": "watch" if request.flag("watch") else "list", "delete": "deletecollection"}.get(verb, verb)
        name = _selected_name(request) if verb in {"list", "watch"} else ""
    return Route(verb, base.group, base.version, resource, subresource, namespace, name, tuple(rest))


def _selected_name(request: Request) -> str:
    """A list of one name counts as a request about that name."""
    terms = request.query.get("fieldSelector", "").split(",")
    return next((term.partition("=")[2].lstrip("=") for term in terms if term.startswith("metadata.name=")), "")
