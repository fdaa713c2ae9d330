"""MetricTemplates and the Secrets that they name, read for an analysis and remembered for five minutes.

Many Canaries share a few templates, and reading them for each tick would double what a tick asks of the API. Only what
was found is remembered: who creates what was missing need not wait. A template that cannot be had is a sentence, which
makes its metric unknown; the other checks go on.

It must never write a Secret's values anywhere: they are in memory, and go to the provider that they are for.
"""

from __future__ import annotations

import base64
import binascii
import time
from threading import Lock
from typing import TYPE_CHECKING

from shared.canary.template import parse_template
from shared.checks.providers.provider import Source
from shared.cluster.kinds import Kind
from shared.errors import Refused, SerinError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.canary.model import Canary, TemplateRef
    from shared.canary.template import MetricTemplate
    from shared.cluster.gateway import Gateway
    from shared.json_types import Json

KEPT_SECONDS = 300.0


class Templates:
    """What a process knows of templates, by cluster. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._known: dict[tuple[str, TemplateRef], tuple[float, Source]] = {}

    def sources(self, gateway: Gateway, cluster: str, canary: Canary) -> Mapping[TemplateRef, Source | str]:
        """For each template of ``canary`` whom to ask, or why that is not known."""
        refs = dict.fromkeys(metric.template for metric in canary.analysis.metrics if metric.template)
        return {ref: self._find(gateway, cluster, ref) for ref in refs}

    def _find(self, gateway: Gateway, cluster: str, ref: TemplateRef) -> Source | str:
        now = self._clock()
        with self._lock:
            self._known = {key: entry for key, entry in self._known.items() if entry[0] > now}
            known = self._known.get((cluster, ref))
        if known:
            return known[1]
        try:
            source = _read(gateway, ref)
        except SerinError as error:
            return str(error)
        with self._lock:
            self._known[cluster, ref] = (now + KEPT_SECONDS, source)
        return source


def _read(gateway: Gateway, ref: TemplateRef) -> Source:
    found = gateway.get(Kind.METRIC_TEMPLATE, ref.namespace, ref.name)
    if found is None:
        raise Refused(f"{ref} not found: create it, or change templateRef in the Canary")
    template = parse_template(ref, found)
    return Source(template, _read_secret(gateway, template))


def _read_secret(gateway: Gateway, template: MetricTemplate) -> Mapping[str, str]:
    name, namespace = template.provider.secret, template.ref.namespace
    if not name:
        return {}
    secret = gateway.get(Kind.SECRET, namespace, name)
    if secret is None:
        raise Refused(f"Secret {name}.{namespace} not found, and {template.ref} needs it: create it")
    return _decode(secret, f"Secret {name}.{namespace}")


def _decode(secret: Json, name: str) -> dict[str, str]:
    """Line ends after a value come from the file that it was made of."""
    try:
        data = secret.get("data") or {}
        return {key: base64.b64decode(value).decode().strip("\r\n") for key, value in data.items()}
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(f"{name} holds something that is not text") from None
