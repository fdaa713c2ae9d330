"""String formats and patterns of structural schemas, as Go's regexp and strfmt packages understand them."""

import base64
import binascii
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

from infra.local.kubernetes import names

_DURATION = re.compile(r"^([+-]?(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$|^0$")
_DATE_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})?$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """A Go pattern: `$` means the very end, and classes are ASCII. Raises `re.error` for what is no pattern."""
    parts: list[str] = []
    in_class = escaped = False
    for mark in pattern:
        parts.append(r"\Z" if mark == "$" and not in_class and not escaped else mark)
        if not escaped:
            in_class = mark == "[" or (in_class and mark != "]")
        escaped = mark == "\\" and not escaped
    return re.compile("".join(parts).replace(r"\z", r"\Z"), re.ASCII)


def matches(pattern: str, text: str) -> bool:
    return compiled(pattern).search(text) is not None


def is_format(text: str, name: str) -> bool:
    """Whether a string has the format. Formats that the API server does not know accept everything."""
    check = _FORMATS.get(name)
    return check is None or check(text)


def _accepted_by(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _is_uri(text: str) -> bool:
    return bool(urlsplit(text).scheme) and not re.search(r"\s", text)


def _is_date_time(text: str) -> bool:
    return _DATE_TIME.match(text) is not None and _accepted_by(datetime.fromisoformat)(text.upper())


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is_date_time,
    "date": _accepted_by(date.fromisoformat),
    "duration": lambda text: _DURATION.match(text) is not None,
    "ipv4": _accepted_by(IPv4Address),
    "ipv6": _accepted_by(IPv6Address),
    "cidr": _accepted_by(lambda text: ip_network(text, strict=False)),
    "uri": _is_uri,
    "email": lambda text: _EMAIL.match(text) is not None,
    "hostname": lambda text: not names.dns_subdomain(text.lower()),
    "uuid": _accepted_by(uuid.UUID),
    "byte": _accepted_by(lambda text: base64.b64decode(text, validate=True)),
}
