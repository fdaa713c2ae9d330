"""What every metrics provider is given, and what it gives.

A provider is one function: a question and a line in, the values of now out. No value is "no data", which is an answer;
what is not answered raises ``CheckUnavailable`` with a sentence for people. Of each series it gives one value, the
newest that is complete, and the metric is held to all of them: which series comes first means nothing anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from shared.checks.endpoint import read_endpoint
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.canary.template import MetricTemplate
    from shared.checks.deadline import Deadline
    from shared.checks.endpoint import Endpoint
    from shared.checks.transport import Http
    from shared.json_types import Json

LOOK_BACK = 10
"""How many of the metric's intervals stores that are asked for a period are asked for, as in Flagger: what is newest
may be minutes old there."""


@dataclass(frozen=True, slots=True)
class Source:
    """A MetricTemplate, and what the Secret holds that it names."""

    template: MetricTemplate
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secret(self) -> str:
        """The Secret, as people read it."""
        return f"Secret {self.template.provider.secret}.{self.template.ref.namespace}"

    def credential(self, key: str) -> str:
        """What the Secret holds under ``key``. CheckUnavailable if it is missing."""
        if not self.template.provider.secret:
            raise CheckUnavailable(f"it needs a Secret with the key {key}: name it in spec.provider.secretRef")
        if not self.credentials.get(key):
            raise CheckUnavailable(f"{self.secret} has no key {key}")
        return self.credentials[key]

    def address(self, default: str = "") -> str:
        """The template's address, or the ``default``. CheckUnavailable if there is none."""
        address = self.template.provider.address or default
        if not address:
            raise CheckUnavailable("it needs spec.provider.address")
        return address

    def endpoint(self, default: str = "") -> Endpoint:
        """The parts of that address. CheckUnavailable if it is no URL."""
        return read_endpoint(self.address(default))


@dataclass(frozen=True, slots=True)
class Question:
    """One metric to be asked for: ``window`` is its interval in seconds, ``now`` is in seconds since 1970."""

    source: Source
    query: str
    window: float
    now: float

    @property
    def since(self) -> float:
        """The begin of the period to ask for, in seconds since 1970."""
        return self.now - LOOK_BACK * self.window


class ClusterMetrics(Protocol):
    """The Canary's own cluster, as far as metrics are concerned."""

    def external_metric(self, namespace: str, name: str, selector: str) -> Json | None:
        """The ExternalMetricValueList; None if the API does not know the metric. SerinError if there is no answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a question gets out, and by when it has to be answered."""

    http: Http
    deadline: Deadline
    cluster: ClusterMetrics


class Provider(Protocol):
    """One kind of metrics store."""

    def __call__(self, question: Question, line: Line) -> tuple[float, ...]:
        """The values of now, one for each series; none is "no data". CheckUnavailable if there is no answer."""
