"""Queries as Flagger's users wrote them, filled in as Go would, or refused."""

from __future__ import annotations

import time

import pytest

from shared.checks.gotemplate import Values, render
from shared.errors import InvalidInput

VALUES = Values({"name": "a", "target": "b{{ name }}"}, {"status": "4..", "http-code": '"404"'})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ name }}", "a"),
        ("{{name}}-{{\n\tname }}", "a-a"),
        ('{a="{{ name }}",b="{{ variables.status }}"}', '{a="a",b="4.."}'),
        ("by:{{ name }}}.as_count()", "by:a}.as_count()"),
        ('{{ index variables "http-code" }}', '"404"'),
        ("{{ index variables `status` }}", "4.."),
        ("{{ target }}", "b{{ name }}"),
        ("x {{- name }} y", "xa y"),
        ("x {{ name -}}\n  y", "x ay"),
        ("x {{- name -}} y", "xay"),
        ("x {{- /* why */ -}} y", "xy"),
        ("x{{/* }} */}}y", "xy"),
        ('legend={{ "{{" }}pod{{ `}}` }}', "legend={{pod}}"),
        ("  up \n", "up"),
        ("a } b {c}", "a } b {c}"),
    ],
)
def test_a_template_is_filled_in_as_go_does(template: str, text: str) -> None:
    assert render("metric m", template, VALUES) == text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('{{ args "x" }}', 'query: unknown template function {{ args "x" }}, known are name, target, variables.NAME'),
        ("{{ .Name }} {{ Name }}", "unknown template function {{ .Name }}.*; query: unknown template .* {{ Name }}"),
        ("{{ name | printf `%s` }}", "unknown template function {{ name | printf `%s` }}"),
        ("{{ if name }}x{{ end }}", "unknown template function {{ if name }}.*{{ end }}"),
        ("{{-name }}", "unknown template function {{ -name }}"),
        ("{{ variables }}", "unknown template function {{ variables }}"),
        ("{{}}", "unknown template function"),
        ("{{ variables.code }}", "needs the variable code, and templateVariables has http-code, status"),
        ("{{ name", "query: has a {{ without its }}"),
        ("{{ name }} {{ target", "query: has a {{ without its }}"),
        ("{{ /* name }}", "query: has a {{ without its }}"),
        ("", "query: is empty"),
        (" \n", "query: is empty"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(template: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem.replace("|", r"\|")) as refusal:
        render("metric m", template, VALUES)
    assert str(refusal.value).startswith("metric m is not valid: ")


@pytest.mark.parametrize("piece", ["/**/", "{{ ", '{{ "', " -", "`a`"])
def test_a_hostile_template_takes_no_time(piece: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput):
        render("metric m", "{{ " + piece * 20_000, VALUES)
    assert time.monotonic() - began < 1.0
