"""Which hosts and addresses checks may call."""

from __future__ import annotations

import pytest

from shared.checks.allowlist import Egress, EgressRefused

INTERNAL = (
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.1",
    "::",
    "224.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::ffff:0.0.0.1",
    # AWS gives a pod its credentials at the first two, and Oracle has a metadata server of its own.
    "169.254.170.23",
    "fd00:ec2::23",
    "192.0.0.192",
    "fd00:c1::a9fe:a9fe",
    # Every other way in which IPv6 carries an IPv4 address.
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "2001:0:53aa:64c:0:0:5601:5601",
    "fe80::1%1",
)


@pytest.mark.parametrize("allow", [(), ("*",), ("gate.test",)])
@pytest.mark.parametrize("address", INTERNAL)
def test_metadata_and_link_local_addresses_are_refused_whatever_the_setting_says(
    address: str, allow: tuple[str, ...]
) -> None:
    with pytest.raises(EgressRefused):
        Egress((*allow, address)).admit("gate.test", (address,))


@pytest.mark.parametrize("host", ["metadata.google.internal", "METADATA.google.internal.", "metadata"])
def test_metadata_servers_are_refused_by_name(host: str) -> None:
    with pytest.raises(EgressRefused, match="metadata"):
        Egress(("*",)).admit(host, ("203.0.113.1",))


@pytest.mark.parametrize(
    ("allow", "host", "address", "admitted"),
    [
        # With an empty setting, anything but this machine.
        ((), "gate.test", "203.0.113.1", True),
        ((), "prometheus.istio-system", "10.0.0.7", True),
        ((), "127.0.0.1", "127.0.0.1", False),
        ((), "localhost", "::1", False),
        ((), "rebound.test", "127.0.0.1", False),
        ((), "rebound.test", "::ffff:127.0.0.1", False),
        ((), "rebound.test", "::127.0.0.1", False),
        ((), "rebound.test", "64:ff9b:1::7f00:1", False),
        ((), "rebound.test", "2001:0:53aa:64c:0:0:80ff:fffe", False),
        ((), "rebound.test", "::1%1", False),
        # Names and patterns.
        (("gate.test",), "gate.test", "203.0.113.1", True),
        (("gate.test",), "GATE.test.", "203.0.113.1", True),
        (("gate.test",), "other.test", "203.0.113.1", False),
        (("gate.test",), "gate.test.evil.test", "203.0.113.1", False),
        (("*.gate.test",), "a.b.gate.test", "203.0.113.1", True),
        (("*.gate.test",), "gate.test", "203.0.113.1", False),
        (("*.gate.test",), "evilgate.test", "203.0.113.1", False),
        (("10.0.0.7",), "10.0.0.7", "10.0.0.7", True),
        (("10.0.0.7",), "10.0.0.8", "10.0.0.8", False),
        # Loopback has to be meant.
        (("*",), "gate.test", "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.1", "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.2", "127.0.0.2", False),
        (("127.0.0.1",), "gate.test", "127.0.0.1", False),
        (("localhost",), "localhost", "127.0.0.1", True),
        (("::1",), "::1", "::1", True),
        (("gate.test",), "gate.test", "127.0.0.1", False),
        (("*.gate.test",), "a.gate.test", "127.0.0.1", False),
    ],
)
def test_what_may_be_called(allow: tuple[str, ...], host: str, address: str, admitted: bool) -> None:
    egress = Egress(allow)
    if admitted:
        assert egress.admit(host, (address,)) == (address,)
    else:
        with pytest.raises(EgressRefused, match=host):
            egress.admit(host, (address,))


def test_of_several_addresses_only_the_permitted_ones_are_used() -> None:
    addresses = ("169.254.169.254", "203.0.113.1", "::1", "203.0.113.2")
    assert Egress().admit("gate.test", addresses) == ("203.0.113.1", "203.0.113.2")
