"""Label selectors and field selectors: from the text of a query or the `selector` of an object to a test of one object.

The grammar and the sentences about errors are those of k8s.io/apimachinery's labels and fields packages.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from infra.local.kubernetes.errors import ApiError, bad_request
from infra.local.kubernetes.names import label_key, label_value
from infra.local.kubernetes.objects import JsonObject, indexed, items, mapping

_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")
_BINARY = "in, notin, =, ==, !=, gt, lt"
_OPERATORS = {"=": "=", "==": "=", "!=": "!=", "in": "in", "notin": "notin", ">": "gt", "<": "lt"}
_EXPRESSION_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}

FieldReader: TypeAlias = Callable[[JsonObject], str]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "!=" | "notin":
                return value not in self.values
            case "gt" | "lt":
                return value is not None and self._compares(value)
            case _:
                return value in self.values

    def _compares(self, value: str) -> bool:
        try:
            number, bound = int(value), int(next(iter(self.values)))
        except ValueError:
            return False
        return number > bound if self.operator == "gt" else number < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All of its requirements have to hold; without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.holds(labels) for requirement in self.requirements)


def from_object(selector: JsonObject) -> LabelSelector:
    """The `selector` of a workload: matchLabels and matchExpressions. It has been validated before."""
    equal = [Requirement(key, "=", frozenset([value])) for key, value in mapping(selector, "matchLabels").items()]
    listed = [
        Requirement(entry.get("key", ""), _EXPRESSION_OPERATORS[entry["operator"]], frozenset(items(entry, "values")))
        for _, entry in indexed(selector, "matchExpressions")
    ]
    return LabelSelector((*equal, *listed))


def parse_labels(text: str) -> LabelSelector:
    """The selector of a `labelSelector` query; a 400 answer for text that is none."""
    return _Parser(_tokens(text)).selector()


def _tokens(text: str) -> list[str]:
    return [*_TOKEN.findall(text), ""]


def _trouble(found: str, expected: str) -> ApiError:
    return bad_request(f"unable to parse requirement: found '{found}', expected: {expected}")


def _is_identifier(token: str) -> bool:
    return bool(token) and token[0] not in "=!(),<>"


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def selector(self) -> LabelSelector:
        found: list[Requirement] = []
        while self._peek():
            if self._peek() != "!" and not _is_identifier(self._peek()):
                raise bad_request(f"found '{self._peek()}', expected: !, identifier, or 'end of string'")
            found.append(self._requirement())
            separator = self._next()
            if separator and separator != ",":
                raise bad_request(f"found '{separator}', expected: ',' or 'end of string'")
            if separator and self._peek() != "!" and not _is_identifier(self._peek()):
                raise bad_request(f"found '{self._peek()}', expected: identifier after ','")
        return LabelSelector(tuple(found))

    def _requirement(self) -> Requirement:
        absent = self._peek() == "!" and bool(self._next())
        key = self._key()
        if absent:
            return Requirement(key, "!")
        if self._peek() in {"", ","}:
            return Requirement(key, "exists")
        symbol = self._next()
        operator = _OPERATORS.get(symbol)
        if operator is None:
            raise _trouble(symbol, _BINARY)
        values = self._set() if operator in {"in", "notin"} else frozenset([self._value()])
        return Requirement(key, operator, _checked(key, operator, values))

    def _key(self) -> str:
        key = self._next()
        if not _is_identifier(key):
            raise _trouble(key, "identifier")
        for fault in label_key(key):
            raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{key}": {fault}')
        return key

    def _value(self) -> str:
        if self._peek() in {"", ","}:
            return ""
        value = self._next()
        if not _is_identifier(value):
            raise _trouble(value, "identifier")
        return value

    def _set(self) -> frozenset[str]:
        if (opening := self._next()) != "(":
            raise bad_request(f"unable to parse requirement: found '{opening}' expected: '('")
        values = {self._member()}
        while (mark := self._next()) == ",":
            values.add(self._member())
        if mark != ")":
            raise _trouble(mark, "',' or ')'")
        return frozenset(values)

    def _member(self) -> str:
        if self._peek() in {",", ")"}:
            return ""
        if not _is_identifier(self._peek()):
            raise _trouble(self._peek(), "',', ')' or identifier")
        return self._next()


def _checked(key: str, operator: str, values: frozenset[str]) -> frozenset[str]:
    for index, value in enumerate(sorted(values)):
        subject = f"unable to parse requirement: values[{index}]"
        if operator in {"gt", "lt"} and not value.lstrip("-").isdecimal():
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise bad_request(f'{subject}: Invalid value: "{value}": {why}')
        for fault in label_value(value):
            raise bad_request(f'{subject}[{key}]: Invalid value: "{value}": {fault}')
    return values


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on one field."""

    read: FieldReader
    value: str
    equal: bool


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All of its terms have to hold."""

    terms: tuple[FieldTerm, ...] = ()

    def selects(self, obj: JsonObject) -> bool:
        return all((term.read(obj) == term.value) == term.equal for term in self.terms)


def parse_fields(text: str, readers: Mapping[str, FieldReader], refusal: Callable[[str], str]) -> FieldSelector:
    """The selector of a `fieldSelector` query.

    `readers` are the fields that this kind can be selected by; for any other, `refusal` makes the sentence of a 400
    answer.
    """
    return FieldSelector(tuple(_term(part, text, readers, refusal) for part in _split(text) if part))


def _split(text: str) -> Iterable[str]:
    return sorted(re.split(r"(?<!\\),", text))


def _term(part: str, whole: str, readers: Mapping[str, FieldReader], refusal: Callable[[str], str]) -> FieldTerm:
    match = re.match(r"(.*?)(!=|==|=)(.*)$", part, re.DOTALL)
    if match is None:
        raise bad_request(f"invalid selector: '{whole}'; can't understand '{part}'")
    name, operator, value = match.groups()
    if name not in readers:
        raise bad_request(refusal(name))
    return FieldTerm(readers[name], re.sub(r"\\([\\,=])", r"\1", value), operator != "!=")


def describe(selector: JsonObject) -> str:
    """The selector of a workload as the text of a query."""
    parts = sorted(from_object(selector).requirements, key=lambda requirement: requirement.key)
    return ",".join(map(_described, parts)) or "<none>"


def _described(requirement: Requirement) -> str:
    values = ",".join(sorted(requirement.values))
    match requirement.operator:
        case "exists":
            return requirement.key
        case "!":
            return f"!{requirement.key}"
        case "=":
            return f"{requirement.key}={values}"
        case operator:
            return f"{requirement.key} {operator} ({values})"
