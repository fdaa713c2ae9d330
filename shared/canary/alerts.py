"""``analysis.alerts``: who is told about a Canary, and from which severity on.

An empty severity means ``info``, as Flagger's documents say; Flagger itself then sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.model import Alert
from shared.canary.names import check_label, check_object
from shared.notice import Level

if TYPE_CHECKING:
    from shared.canary.fields import Field


def read_alerts(field: Field, namespace: str) -> tuple[Alert, ...]:
    """The alerts at ``field``; an AlertProvider without a namespace is in ``namespace``, the Canary's own."""
    return tuple(_read_alert(entry.required().section(), namespace) for entry in field.listed().entries())


def _read_alert(field: Field, namespace: str) -> Alert:
    provider = field.at("providerRef").required().section()
    return Alert(
        name=field.at("name").required().text(),
        provider_namespace=provider.at("namespace").text(check_label, namespace),
        provider_name=provider.at("name").required().text(check_object),
        severity=Level(field.at("severity").choice(tuple(Level), Level.INFO) or Level.INFO),
    )
