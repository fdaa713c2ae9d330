"""Amazon CloudWatch: the query is the list of ``MetricDataQueries``, in JSON; ``spec.provider.region`` is required.

The Secret, where there is one, holds ``aws_access_key_id``, ``aws_secret_access_key`` and, if they are temporary,
``aws_session_token``. Without one the keys are those of this process, in AWS's own variables, or those of the role that
it was given there (``web_identity``). They may do ``cloudwatch:GetMetricData`` and nothing else.
Source: Amazon CloudWatch API, ``GetMetricData``; newest values come first.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.checks.providers.exchange import Request, fetch, load, number, odd
from shared.checks.providers.sigv4 import Keys, Signed, sign
from shared.checks.providers.web_identity import assumed, own_role
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question
    from shared.json_types import Json

_ADDRESS = "https://monitoring.{region}.amazonaws.com/"
_MOST_POINTS = 20


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question, line), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The newest value of each metric in an answer."""
    match load(body, question):
        case {"MetricDataResults": [*results]}:
            values = (_newest(result, question) for result in results)
            return tuple(value for value in values if value is not None)
        case _:
            raise odd(question)


def _request(question: Question, line: Line) -> Request:
    provider = question.source.template.provider
    if not provider.region:
        raise CheckUnavailable("it needs spec.provider.region")
    endpoint = question.source.endpoint(_ADDRESS.format(region=provider.region))
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
    }
    url = endpoint.url if urlsplit(endpoint.url).path else f"{endpoint.url}/"
    request = Signed("POST", url, headers, _body(question))
    signed = sign(request, _keys(question, line), (provider.region, "monitoring"), question.now)
    return Request(url, signed, request.body)


def _body(question: Question) -> bytes:
    try:
        queries = json.loads(question.query)
    except ValueError:
        queries = None
    if not isinstance(queries, list):
        raise CheckUnavailable("the query has to be a list of MetricDataQueries in JSON")
    period = {"StartTime": int(question.since), "EndTime": int(question.now)}
    return json.dumps({"MetricDataQueries": queries, "MaxDatapoints": _MOST_POINTS, **period}).encode()


def _keys(question: Question, line: Line) -> Keys:
    """The Secret's; else the process's own; else those of its role (AWS's own order)."""
    source = question.source
    if source.template.provider.secret:
        session = source.credentials.get("aws_session_token", "")
        return Keys(source.credential("aws_access_key_id"), source.credential("aws_secret_access_key"), session)
    own = [os.environ.get(f"AWS_{name}", "") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
    if own[0] and own[1]:
        return Keys(*own)
    role = own_role()
    if role is None:
        raise CheckUnavailable(
            "there are no AWS keys: name a Secret with aws_access_key_id and aws_secret_access_key in "
            "spec.provider.secretRef, or give Serin AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role with "
            "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"
        )
    return assumed(role).keys(source.template.provider.region, line, question.now)


def _newest(result: Json, question: Question) -> float | None:
    match result:
        case {"StatusCode": "InternalError" | "Forbidden" as status}:
            raise CheckUnavailable(f"it could not read one of the metrics ({status})")
        case {"Values": [newest, *_]}:
            return number(newest)
        case {"Values": []}:
            return None
        case _:
            raise odd(question)
