"""What Kubernetes lets names, ports and addresses look like, as rules for :meth:`shared.canary.fields.Field.text`.

A name that only fails when an object is made from it fails in the middle of the night; here it fails when its author
writes it. So each rule leaves room for the ``-primary`` that the generated object's name will end in.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shared.canary.fields import show

_ROOM = len("-primary")
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_APP_PROTOCOL = re.compile(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def check_object(text: str) -> str | None:
    """The name of a Deployment or an autoscaler: a DNS-1123 subdomain (RFC 1123)."""
    longest = 253 - _ROOM
    if len(text) <= longest and _DNS_SUBDOMAIN.fullmatch(text):
        return None
    return f"must be lower-case letters, digits, '-' and '.', and have at most {longest} characters, not {show(text)}"


def check_label(text: str) -> str | None:
    """A DNS-1123 label: a namespace, or the name of a Service's port."""
    if len(text) <= 63 and _DNS_LABEL.fullmatch(text):
        return None
    return f"must be lower-case letters, digits and inner '-', and have at most 63 characters, not {show(text)}"


def check_service(text: str) -> str | None:
    """The name of a Service that others are derived from: a DNS-1035 label (RFC 1035)."""
    longest = 63 - _ROOM
    if len(text) <= longest and _SERVICE_NAME.fullmatch(text):
        return None
    rule = "must start with a letter, go on with lower-case letters, digits and inner '-'"
    return f"{rule}, and have at most {longest} characters, not {show(text)}"


def check_port_name(text: str) -> str | None:
    """The name of a container's port (IANA service name, RFC 6335)."""
    if len(text) <= 15 and _PORT_NAME.fullmatch(text):
        return None
    rule = "must be a number without quotes, or a port's name of at most 15 lower-case letters, digits and '-'"
    return f"{rule}, not {show(text)}"


def check_app_protocol(text: str) -> str | None:
    """``appProtocol`` of a Service's port: a plain or prefixed name (``http``, ``kubernetes.io/h2c``)."""
    if len(text) <= 253 and _APP_PROTOCOL.fullmatch(text):
        return None
    return f"must be a protocol's name such as http, grpc or kubernetes.io/h2c, not {show(text)}"


def check_host(text: str) -> str | None:
    """A host or gateway as Istio writes it. Only what can be neither is refused: Istio checks the rest."""
    return (
        None
        if text.isprintable() and " " not in text
        else f"must not hold spaces or control characters, as {show(text)} does"
    )


def check_url(text: str) -> str | None:
    """An address that is called: http or https, with a host."""
    complaint = f"must be an http:// or https:// address with a host, not {show(text)}"
    if not text.isprintable() or " " in text:
        return complaint
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a broken IPv6 address, or a port that is no number
        return complaint
    return None if usable else complaint
