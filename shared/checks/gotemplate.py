"""Queries as users wrote them for Flagger: the part of Go's ``text/template`` that fills in names.

What is understood is ``{{ name }}``, ``{{ variables.status }}``, ``{{ index variables "http-status" }}``, a quoted
text, a comment, and the marks that trim white space (``{{- `` and `` -}}``). Pipelines, conditions and ``.Fields`` are
refused by name: a query that means something else than its author thinks judges releases by chance. For the same reason
a variable that the Canary does not give is refused, where Go would write ``<no value>`` into the query.
Source: Go, package ``text/template``.

It must never leave a part of a template as it is, and never fill in what was filled in.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SPACE = " \t\r\n"
_QUOTED = r'"(?:\\.|[^"\\\n])*"|`[^`]*`'
_ACTION = re.compile(
    r"\{\{(?P<left>-(?=[ \t\r\n]))?"
    rf"(?P<body>(?:{_QUOTED}|(?>/\*.*?\*/)|[^\"`}}/]|/(?!\*)|\}}(?!\}}))*?)"  # atomic: each text is read in one way
    r"(?P<right>[ \t\r\n]-)?\}\}",
    re.DOTALL,
)
_VARIABLE = re.compile(rf"variables\.(?P<plain>\w+)|index\s+variables\s+(?P<quoted>{_QUOTED})")


@dataclass(frozen=True, slots=True)
class Values:
    """What a query is filled in with: ``functions`` by name, and the Canary's own ``variables``."""

    functions: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)


def render(subject: str, template: str, values: Values) -> str:
    """``template`` filled in, without white space around it. InvalidInput about ``subject`` with every problem."""
    problems: list[Problem] = []
    text = "".join(_pieces(template, values, problems)).strip()
    if not template.strip():
        problems.append(Problem("query", "is empty"))
    if problems:
        raise InvalidInput(subject, tuple(dict.fromkeys(problems)))
    return text


def _pieces(template: str, values: Values, problems: list[Problem]) -> Iterator[str]:
    """The texts and what the actions between them give; what follows an action that never ends is not read."""
    position, trim = 0, False
    while (start := template.find("{{", position)) >= 0:
        action = _ACTION.match(template, start)
        if action is None:
            problems.append(Problem("query", "has a {{ without its }}"))
            return
        yield _text(template[position:start], left=trim, right=bool(action["left"]))
        yield _fill_in(action["body"].strip(_SPACE), values, problems)
        position, trim = action.end(), bool(action["right"])
    yield _text(template[position:], left=trim)


def _text(text: str, *, left: bool, right: bool = False) -> str:
    """What stands between two actions, trimmed where they ask for it."""
    text = text.lstrip(_SPACE) if left else text
    return text.rstrip(_SPACE) if right else text


def _fill_in(action: str, values: Values, problems: list[Problem]) -> str:
    if action.startswith("/*") and action.endswith("*/"):
        return ""
    if action in values.functions:
        return values.functions[action]
    if re.fullmatch(_QUOTED, action):
        return _unquote(action)
    variable = _VARIABLE.fullmatch(action)
    if variable is None:
        problems.append(Problem("query", _refuse(action, values)))
        return ""
    name = variable["plain"] or _unquote(variable["quoted"])
    if name not in values.variables:
        given = ", ".join(sorted(values.variables)) or "none"
        problems.append(Problem("query", f"needs the variable {name}, and templateVariables has {given}"))
    return values.variables.get(name, "")


def _unquote(text: str) -> str:
    """A Go string; of its escapes those that JSON has, too."""
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]


def _refuse(action: str, values: Values) -> str:
    known = ", ".join((*sorted(values.functions), "variables.NAME"))
    return f"unknown template function {{{{ {action} }}}}, known are {known}"
