"""Which names, label keys and label values Kubernetes accepts, with the sentences it refuses the others with.

Mirrors k8s.io/apimachinery/pkg/util/validation. Each check returns the sentences about one value: none when the value
is fine.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

Check: TypeAlias = Callable[[str], list[str]]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY = "[-._a-zA-Z0-9]+"
_PORT_NAME = re.compile("^[-a-z0-9]+$")

_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_DNS_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character"
)
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_KEY_RULE = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_ENV_RULE = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def _explained(rule: str, pattern: str, *examples: str) -> str:
    """Mirrors RegexError."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{rule} (e.g. {shown}regex used for validation is '{pattern}')"


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


def _too_long(value: str, limit: int, unit: str = "characters") -> list[str]:
    return [f"must be no more than {limit} {unit}"] if len(value.encode()) > limit else []


def dns_label(value: str) -> list[str]:
    """RFC 1123 label: namespaces, containers, volumes."""
    if _matches(_LABEL, value):
        return _too_long(value, 63)
    dotted = _matches(_SUBDOMAIN, value)
    wrong = "must not contain dots" if dotted else _explained(_LABEL_RULE, _LABEL, "my-name", "123-abc")
    return [*_too_long(value, 63), wrong]


def dns_subdomain(value: str) -> list[str]:
    """RFC 1123 subdomain: most object names."""
    wrong = [] if _matches(_SUBDOMAIN, value) else [_explained(_SUBDOMAIN_RULE, _SUBDOMAIN, "example.com")]
    return _too_long(value, 253) + wrong


def dns_1035_label(value: str) -> list[str]:
    """RFC 1035 label: Services."""
    wrong = [] if _matches(_DNS_1035, value) else [_explained(_DNS_1035_RULE, _DNS_1035, "my-name", "abc-123")]
    return _too_long(value, 63) + wrong


def path_segment(value: str) -> list[str]:
    """Names that only have to fit into a URL path: Events and a few more."""
    if value in {".", ".."}:
        return [f"may not be '{value}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in value]


def label_key(value: str) -> list[str]:
    """A qualified name: an optional DNS prefix, a slash, a name of at most 63 characters."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        rule = _explained(_NAME_RULE, _NAME, "MyName", "my.name", "123-abc")
        return [f"a valid label key {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    wrong = _prefix_faults(prefix) if slash else []
    return wrong + _name_part_faults(name)


def _prefix_faults(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    return [f"prefix part {fault}" for fault in dns_subdomain(prefix)]


def _name_part_faults(name: str) -> list[str]:
    wrong = (
        ["name part must be non-empty"]
        if not name
        else [f"name part {fault}" for fault in _too_long(name, 63, "bytes")]
    )
    if not _matches(_NAME, name):
        wrong.append(f"name part {_explained(_NAME_RULE, _NAME, 'MyName', 'my.name', '123-abc')}")
    return wrong


def label_value(value: str) -> list[str]:
    wrong = (
        []
        if _matches(f"({_NAME})?", value)
        else [_explained(_VALUE_RULE, f"({_NAME})?", "MyValue", "my_value", "12345")]
    )
    return _too_long(value, 63, "bytes") + wrong


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap's or a Secret's data."""
    wrong = [] if _matches(_KEY, value) else [_explained(_KEY_RULE, _KEY, "key.name", "KEY_NAME", "key-name")]
    return _too_long(value, 253) + wrong + _climbing(value)


def _climbing(value: str) -> list[str]:
    if value in {".", ".."}:
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []


def env_name(value: str) -> list[str]:
    """The name of an environment variable, by the relaxed rule of Kubernetes 1.30 and later."""
    return [] if value and all(" " <= mark <= "~" and mark != "=" for mark in value) else [_ENV_RULE]


def port_name(value: str) -> list[str]:
    """An IANA service name: container ports."""
    wrong = []
    if not _PORT_NAME.match(value):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in value:
        wrong.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return _too_long(value, 15) + wrong
