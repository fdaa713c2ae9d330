"""docs/metrics-providers.md: every example is a MetricTemplate that Serin reads, and asks its provider a question."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.local.kubernetes.structural import check
from shared.canary.fields import Field
from shared.canary.metrics import read_metrics
from shared.canary.model import TemplateRef
from shared.canary.template import MetricTemplate, parse_template
from shared.checks.identity import Google
from shared.checks.providers.catalog import PROVIDERS
from shared.checks.providers.provider import Source
from shared.checks.queries import write_template_query
from tests.support.canaries import CUSTOM, canary
from tests.support.providers import STORES, Detour, ask
from tests.support.web import WebServer, reply

ROOT = Path(__file__).parents[4]
GUIDE = (ROOT / "docs/metrics-providers.md").read_text()
SCHEMA = yaml.safe_load((ROOT / "charts/serin/crds/metrictemplate.yaml").read_text())["spec"]["versions"][0]["schema"]
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)]
TEMPLATES = [example for example in EXAMPLES if example.get("kind") == "MetricTemplate"]
BY_TYPE = {store.type: store for store in STORES}


def read(example: dict[str, dict[str, str]]) -> MetricTemplate:
    ref = TemplateRef(example["metadata"]["namespace"], example["metadata"]["name"])
    return parse_template(ref, example)


def test_the_guide_has_an_example_of_every_provider() -> None:
    assert {read(example).provider.type for example in TEMPLATES} == set(PROVIDERS)


@pytest.mark.parametrize("example", TEMPLATES, ids=lambda example: str(example["spec"]["provider"]["type"]))
def test_an_example_fits_the_schema_and_gets_an_answer(
    example: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Google, "headers", lambda *_: {})
    assert check(example, SCHEMA["openAPIV3Schema"]) == []
    template = read(example)
    store = BY_TYPE[template.provider.type]
    query = write_template_query(canary(), replace(CUSTOM, variables={"status": "404"}), template)
    assert "{{" not in query
    # Without an address it is the Canary's own cluster, which is another test's.
    address = "http://cluster" if store.type == "externalmetrics" else template.provider.address
    provider = replace(template.provider, address=address)
    with WebServer(reply(200, store.answer)) as server:
        source = Source(replace(template, query=query, provider=provider), store.credentials)
        assert ask(source, Detour(server.url)) == pytest.approx(store.values)


def test_the_example_of_a_canary_is_read() -> None:
    (example,) = (example for example in EXAMPLES if "analysis" in example)
    field = Field(example["analysis"]["metrics"], "", [])
    (metric,) = read_metrics(field, "test")
    assert (metric.template, metric.variables) == (
        TemplateRef("istio-system", "not-found-percentage"),
        {"status": "404"},
    )
    assert field.problems == []
