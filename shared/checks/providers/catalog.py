"""Every provider that there is, by the word for it in ``spec.provider.type``. A new one is a file, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.checks.providers import (
    cloudwatch,
    datadog,
    dynatrace,
    externalmetrics,
    graphite,
    influxdb,
    newrelic,
    prometheus,
    splunk,
    stackdriver,
)
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.checks.providers.provider import Provider

PROVIDERS: Mapping[str, Provider] = {
    "cloudwatch": cloudwatch.ask,
    "datadog": datadog.ask,
    "dynatrace": dynatrace.ask,
    "externalmetrics": externalmetrics.ask,
    "graphite": graphite.ask,
    "influxdb": influxdb.ask,
    "newrelic": newrelic.ask,
    "prometheus": prometheus.ask,
    "splunk": splunk.ask,
    "stackdriver": stackdriver.ask,
}


def find_provider(kind: str) -> Provider:
    """The provider of that type. CheckUnavailable if there is none."""
    provider = PROVIDERS.get(kind)
    if provider is None:
        raise CheckUnavailable(f"{kind} is not a provider that Serin knows: there is {', '.join(PROVIDERS)}")
    return provider
