"""The external metrics of a Kubernetes cluster: ``NAMESPACE/METRIC?labelSelector=...``; ``default`` is the namespace
of a query without one.

Without an address the Canary's own cluster is asked, as Serin; with one that API server is, with the ``token`` of the
Secret and never with Serin's own identity.
Source: Kubernetes, ``external.metrics.k8s.io/v1beta1``; Flagger, ``externalmetrics``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from shared.checks.providers.exchange import Request, fetch, load, odd, place
from shared.errors import CheckUnavailable, SerinError

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question

_QUERY = re.compile(r"(?:(?P<namespace>[-a-z0-9]*)/)?(?P<metric>[^/?#\s]+)(?:\?(?P<rest>\S*))?")
_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<suffix>[numkMGTPE]|[KMGTPE]i|)")
_DECIMAL = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTPE", start=1)}


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    namespace, metric, selector = _split(question.query)
    if question.source.template.provider.address:
        return read(load(fetch(question, _request(question, namespace, metric, selector), line), question), question)
    try:
        found = line.cluster.external_metric(namespace, metric, selector)
    except SerinError as error:
        raise CheckUnavailable(str(error)) from None
    if found is None:
        raise CheckUnavailable(f"the cluster serves no external metric {metric}: is there a metrics adapter?")
    return read(found, question)


def read(answer: object, question: Question) -> tuple[float, ...]:
    """The value of each item of an ExternalMetricValueList."""
    match answer:
        case {"items": [*items]}:
            return tuple(_quantity(item, question) for item in items)
        case _:
            raise odd(question)


def _split(query: str) -> tuple[str, str, str]:
    parts = _QUERY.fullmatch(query.strip())
    if parts is None:
        raise CheckUnavailable("the query has to be NAMESPACE/METRIC?labelSelector=SELECTOR")
    selector = parse_qs(parts["rest"] or "").get("labelSelector", [""])[0]
    return parts["namespace"] or "default", parts["metric"], selector


def _request(question: Question, namespace: str, metric: str, selector: str) -> Request:
    endpoint = question.source.endpoint()
    path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{quote(metric, safe='')}"
    token = question.source.credentials.get("token")
    headers = {"Authorization": f"Bearer {token}"} if token else endpoint.headers
    return Request(place(endpoint, path, {"labelSelector": selector} if selector else {}), headers)


def _quantity(item: object, question: Question) -> float:
    """A number as Kubernetes writes it: ``100``, ``1500m``, ``2Ki``, ``1e3``."""
    text = item.get("value") if isinstance(item, dict) else None
    parts = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise odd(question)
    return float(parts["number"]) * {**_DECIMAL, **_BINARY}[parts["suffix"]]
