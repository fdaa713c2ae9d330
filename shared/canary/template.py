"""The MetricTemplate resource (``flagger.app/v1beta1``): whom to ask for a metric, and what.

It must never hold a credential: it names the Secret that does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.canary.fields import Field
from shared.canary.names import check_object
from shared.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.canary.model import TemplateRef
    from shared.json_types import Json


@dataclass(frozen=True, slots=True)
class MetricsProvider:
    """``spec.provider``. ``secret`` names a Secret in the template's namespace; empty where it needs none.

    Without a type it is a Prometheus, as in Flagger. ``insecure`` switches off the check of the server's certificate.
    """

    type: str = "prometheus"
    address: str = ""
    region: str = ""
    secret: str = ""
    insecure: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class MetricTemplate:
    """One MetricTemplate; ``query`` is still to be filled in for a Canary."""

    ref: TemplateRef
    provider: MetricsProvider
    query: str


def parse_template(ref: TemplateRef, obj: Json) -> MetricTemplate:
    """The MetricTemplate that ``obj`` describes; InvalidInput with every problem found."""
    root = Field(obj, "", [])
    spec = root.at("spec").required().section()
    template = MetricTemplate(
        ref=ref,
        provider=_read_provider(spec.at("provider").section()),
        query=spec.at("query").required().text(),
    )
    if root.problems:
        raise InvalidInput(str(ref), tuple(root.problems))
    return template


def _read_provider(field: Field) -> MetricsProvider:
    return MetricsProvider(
        type=field.at("type").text(default="prometheus"),
        address=field.at("address").text(),
        region=field.at("region").text(),
        secret=_read_secret(field.at("secretRef").section()),
        insecure=field.at("insecureSkipVerify").flag(),
        headers=_read_headers(field.at("headers").section()),
    )


def _read_secret(field: Field) -> str:
    return field.at("name").required().text(check_object) if field.value is not None else ""


def _read_headers(field: Field) -> dict[str, str]:
    """A header may have several values (Go's ``http.Header``); they are sent as one list (RFC 9110, 5.3)."""
    names = field.value if isinstance(field.value, dict) else {}
    return {str(name): ", ".join(_texts(field.at(str(name)))) for name in names}


def _texts(field: Field) -> list[str]:
    return [entry.text() for entry in field.listed().entries()]
