"""Where checks may go: whoever may write a Canary chooses URLs that this process, which can reach much more, will call.

A name proves nothing (it can resolve to another address a second later), so what is judged is the address that the
socket connects to: the connection asks ``Egress.admit`` and connects to nothing else. Instance metadata and link-local
addresses are refused whatever the setting says, for they hand out the identity of this process.

It must never resolve or connect by itself: it is pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

_METADATA_NAMES = frozenset({"metadata", "metadata.goog", "metadata.google.internal"})
_NEVER = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local: metadata of Google, AWS, Azure, DigitalOcean
            "fe80::/10",  # link-local
            "fd00:ec2::/32",  # AWS: metadata at ::254, the pods' credentials at ::23
            "fd20:ce::254/128",  # Google metadata
            "fd00:c1::a9fe:a9fe/128",  # Oracle metadata
            "192.0.0.192/32",  # Oracle metadata of old images
            "100.100.100.200/32",  # Alibaba metadata
            "168.63.129.16/32",  # Azure's host agent
            "0.0.0.0/8",  # Linux connects 0.0.0.0 to itself
            "::/128",
            "224.0.0.0/4",
            "ff00::/8",
            "255.255.255.255/32",
        ),
    )
)
_CARRIERS = tuple(
    map(
        IPv6Network,
        (
            "64:ff9b::/96",  # NAT64, RFC 6052
            "64:ff9b:1::/48",  # NAT64 of one's own, RFC 8215; the operator chooses where in it, usually at its end
            "::ffff:0:0:0/96",  # SIIT, RFC 2765
            "::/96",  # IPv4-compatible, RFC 4291
        ),
    )
)
"""Networks whose last 32 bits are an IPv4 address."""
_ANY = "*"


class EgressRefused(CheckUnavailable):
    """The address is not one that checks may call. Asking again would not help."""


@dataclass(frozen=True, slots=True)
class Egress:
    """``allow`` holds host names, ``*.suffix`` patterns, IP addresses, or ``*``; empty, it allows every other host.

    Loopback is allowed only by ``*``, by its address or by ``localhost``; link-local and metadata addresses never.
    """

    allow: tuple[str, ...] = ()

    def names(self, host: str) -> bool:
        """Whether a host of this name may be called, wherever it is."""
        name = _plain(host)
        return name not in _METADATA_NAMES and (
            not self.allow or any(_matches(name, entry.lower()) for entry in self.allow)
        )

    def admit(self, host: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of a host's ``addresses`` that may be connected to, in their order. EgressRefused if there are none."""
        name = _plain(host)
        if name in _METADATA_NAMES:
            raise EgressRefused(f"{host} is a metadata server: checks may never call it")
        if not self.names(host):
            raise EgressRefused(f"{host} is not among the hosts that checks may call: add it to the allowed hosts")
        admitted = tuple(address for address in addresses if self._admits(name, address))
        if not admitted:
            raise EgressRefused(
                f"{host} is at an address that checks may not call (loopback has to be allowed by its address, "
                "link-local and metadata addresses cannot be)"
            )
        return admitted

    def _admits(self, name: str, address: str) -> bool:
        actual = _unwrap(ip_address(address))
        if any(actual in network for network in _NEVER):
            return False
        return not actual.is_loopback or self._admits_loopback(name, actual)

    def _admits_loopback(self, name: str, actual: IPv4Address | IPv6Address) -> bool:
        return _ANY in self.allow or str(actual) in self.allow or (name == "localhost" and name in self.allow)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _matches(name: str, entry: str) -> bool:
    if entry.startswith("*."):
        return name.endswith(entry[1:])
    return entry in (_ANY, name)


def _unwrap(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if not address.is_loopback and any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    _, teredo = address.teredo or (None, None)
    return address.ipv4_mapped or address.sixtofour or teredo or address
