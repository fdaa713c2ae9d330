"""Asks a Prometheus, or what speaks its API (Thanos, Mimir, Google's Managed Prometheus), one instant query.

Every way of not getting an answer ends in ``CheckUnavailable`` with a text for people: no data is an answer, an error
is not. A query that the server refuses is not answered either: the rollout holds, for a typing mistake says nothing
about the release, and the text names the query, because only its author can help.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote_plus, urlsplit, urlunsplit

from shared.checks.answer import read_error, read_values
from shared.checks.endpoint import read_endpoint, secrets_in
from shared.checks.identity import ANONYMOUS, Identity
from shared.checks.transport import Answer, Call, Http, Patience
from shared.checks.wording import clean
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.checks.deadline import Deadline

T = TypeVar("T")

_RETRIES = 2
_LARGEST_ANSWER = 1024 * 1024
_LONGEST_TEXT = 600
_LONGEST_QUERY = 250


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """Where to ask, and as whom. ``limit`` is seconds for one question, connecting, reading and retries together.

    ``url`` may have a path of its own, before ``/api/v1/query``; ``ca_file`` (PEM) replaces the usual authorities, and
    ``insecure`` does without any. ``headers`` are sent with every question. ``credentials`` is where the reader of a
    refusal should look.
    """

    url: str
    identity: Identity = ANONYMOUS
    ca_file: str | None = None
    limit: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    insecure: bool = False
    credentials: str = "the identity in the settings"


def ask(server: MetricsServer, query: str, http: Http, deadline: Deadline) -> tuple[float, ...]:
    """The finite values that the query has now; none is "no data". CheckUnavailable if the server gave no answer."""
    return ask_for(read_values, server, query, http, deadline)


def ask_for(read: Callable[[bytes], T], server: MetricsServer, query: str, http: Http, deadline: Deadline) -> T:
    """What ``read`` makes of the answer. CheckUnavailable if the server gave none."""
    endpoint = read_endpoint(server.url)
    patience = Patience(server.limit, deadline.within(server.limit), _RETRIES)
    headers = {**server.headers, **endpoint.headers, **server.identity.headers(patience.whole)}
    call = Call(
        method="GET",
        url=_query_url(endpoint.url, query),
        headers={"Accept": "application/json", "User-Agent": "serin", **headers},
        keep=_LARGEST_ANSWER,
        verify=_authorities(server),
    )
    answer = http.send(call, patience)
    try:
        return read(_body(answer, query, server))
    except CheckUnavailable as error:
        secrets = (*secrets_in(headers), *server.headers.values())
        raise CheckUnavailable(clean(str(error), _LONGEST_TEXT, secrets)) from None


def _query_url(base: str, query: str) -> str:
    parts = urlsplit(base)
    path = parts.path.rstrip("/") + "/api/v1/query"
    parameters = "&".join(filter(None, (parts.query, "query=" + quote_plus(query))))
    return urlunsplit((parts.scheme, parts.netloc, path, parameters, ""))


def _authorities(server: MetricsServer) -> bool | str:
    if server.ca_file is None:
        return not server.insecure
    if not Path(server.ca_file).exists():
        raise CheckUnavailable(f"its CA file {server.ca_file} does not exist")
    return server.ca_file


def _body(answer: Answer, query: str, server: MetricsServer) -> bytes:
    if not answer.complete:
        raise CheckUnavailable(f"its answer is larger than {_LARGEST_ANSWER // 1024} KiB")
    match answer.status:
        case HTTPStatus.OK:
            return answer.body
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            reason = read_error(answer.body) or f"HTTP {answer.status}"
            raise CheckUnavailable(f"it refused the query {clean(query, _LONGEST_QUERY)}: {reason}")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise CheckUnavailable(f"HTTP {answer.status}: it does not let us in, look at {server.credentials}")
        case status if 300 <= status < 400:
            raise CheckUnavailable(f"HTTP {status}: redirects are not followed, give the address that they lead to")
        case status:
            raise CheckUnavailable(": ".join(filter(None, (f"HTTP {status}", read_error(answer.body)))))
