"""Prometheus, and what speaks its API: Thanos, Mimir, VictoriaMetrics, Cortex.

The Secret, where there is one, holds ``token``, or ``username`` and ``password``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.checks import prometheus
from shared.checks.identity import ANONYMOUS, Basic, Bearer, Identity
from shared.checks.prometheus import MetricsServer

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question, Source


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    source = question.source
    source.endpoint()
    server = MetricsServer(
        url=source.template.provider.address,
        identity=_identity(source),
        headers=source.template.provider.headers,
        insecure=source.template.provider.insecure,
        credentials=source.secret if source.template.provider.secret else "spec.provider.secretRef",
    )
    return prometheus.ask(server, " ".join(question.query.split()), line.http, line.deadline)


def _identity(source: Source) -> Identity:
    if not source.template.provider.secret:
        return ANONYMOUS
    if "token" in source.credentials:
        return Bearer(source.credential("token"))
    return Basic(source.credential("username"), source.credential("password"))
