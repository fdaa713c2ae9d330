"""Where load may be sent: whoever writes a Canary chooses the address, and this pod may reach what they cannot.

The name has to be an allowed one, and every address behind it has to be harmless: never a metadata server, never
link-local, and of this machine itself only what is named outright. A program resolves the name once more for itself, so
a name server that changes its answers in between is not stopped here but by the chart's NetworkPolicy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from shared.checks.allowlist import Egress, EgressRefused
from shared.loadtester.answer import RefusedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLUSTER = "cluster"
"""Stands for every Service of the cluster: its names, at addresses that are not on the internet."""

_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.svc(\.cluster\.local)?)?)?\.?")


@dataclass(frozen=True, slots=True)
class Hosts:
    """``allow`` holds host names, ``*.suffix`` patterns, IP addresses, ``cluster`` or ``*``; ``resolve`` gives a name's
    addresses, or raises OSError.
    """

    allow: tuple[str, ...]
    resolve: Callable[[str, int], Sequence[str]]

    def check_header(self, name: str) -> None:
        """RefusedRequest if load may not name this host in a header, which a proxy on its way may follow."""
        if not self._is_listed(name):
            self.check_target(name, 80)

    def check_target(self, name: str, port: int) -> None:
        """RefusedRequest if load may not be sent there; with 503 if the name cannot be resolved."""
        listed = self._is_listed(name)
        if not (listed or self._is_service(name)):
            raise RefusedRequest(
                400,
                f"{name} is not among the hosts that load may be sent to: add it to the load tester's allowed hosts",
            )
        try:
            addresses = self.resolve(name, port)
        except (OSError, UnicodeError):
            raise RefusedRequest(503, f"{name} cannot be resolved") from None
        if not _are_harmless(name, addresses, self._listed if listed else _as_service(name, addresses)):
            raise RefusedRequest(
                400,
                f"{name} is at an address that load may not be sent to: a metadata server, this machine, or one on the "
                "internet whose name is not among the allowed hosts",
            )

    @property
    def _listed(self) -> tuple[str, ...]:
        return tuple(entry for entry in self.allow if entry != CLUSTER)

    def _is_listed(self, name: str) -> bool:
        return bool(self._listed) and Egress(self._listed).names(name)

    def _is_service(self, name: str) -> bool:
        return CLUSTER in self.allow and bool(_SERVICE.fullmatch(name.lower())) and Egress().names(name)


def _as_service(name: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """The list that admits a Service by its name, if all its addresses can be a cluster's."""
    inside = not any(ip_address(address).is_global for address in addresses)
    return (name.rstrip("."),) if inside and name.lower() != "localhost" else ()


def _are_harmless(name: str, addresses: Sequence[str], allow: tuple[str, ...]) -> bool:
    """All of them: which one the program takes is not ours to say."""
    try:
        return bool(allow) and len(Egress(allow).admit(name, addresses)) == len(addresses)
    except EgressRefused:
        return False
