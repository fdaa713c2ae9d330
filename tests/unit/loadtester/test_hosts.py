"""Where load may be sent."""

from __future__ import annotations

import socket

import pytest

from shared.loadtester.answer import RefusedRequest
from shared.loadtester.hosts import Hosts

ADDRESSES = {
    "frontend": ("10.0.0.7",),
    "frontend.test": ("10.0.0.7",),
    "frontend.test.svc": ("100.64.1.2",),
    "frontend.test.svc.cluster.local": ("fd12::7",),
    "evil.org": ("93.184.216.34",),
    "half.public": ("10.0.0.7", "93.184.216.34"),
    "half.evil": ("10.0.0.7", "169.254.169.254"),
    "rebound.test": ("169.254.169.254",),
    "home.test": ("127.0.0.1",),
    "localhost": ("127.0.0.1",),
    "metadata": ("10.0.0.7",),
    "app.example.com": ("93.184.216.34",),
    "trap.example.com": ("169.254.169.254",),
    "127.0.0.1": ("127.0.0.1",),
    "10.0.0.7": ("10.0.0.7",),
    "169.254.169.254": ("169.254.169.254",),
}


def resolve(host: str, _port: int) -> tuple[str, ...]:
    if host not in ADDRESSES:
        raise socket.gaierror("unknown")
    return ADDRESSES[host]


def status(name: str, *allow: str) -> int:
    """Of the refusal; 200 without one."""
    try:
        Hosts(allow, resolve).check_target(name, 80)
    except RefusedRequest as refusal:
        return refusal.answer.status
    return 200


@pytest.mark.parametrize("name", ["frontend", "frontend.test", "frontend.test.svc", "frontend.test.svc.cluster.local"])
def test_cluster_allows_every_service(name: str) -> None:
    assert status(name, "cluster") == 200
    assert status(name, "other.test") == 400


@pytest.mark.parametrize(
    "name",
    ["evil.org", "half.evil", "half.public", "rebound.test", "home.test", "localhost", "metadata",
     "app.example.com", "127.0.0.1", "10.0.0.7", "169.254.169.254", "2130706433", "0x7f.1"],
)  # fmt: skip
def test_cluster_allows_nothing_but_services(name: str) -> None:
    assert status(name, "cluster") == 400


def test_a_host_outside_the_cluster_has_to_be_listed() -> None:
    assert status("app.example.com", "cluster", "*.example.com") == 200
    assert status("10.0.0.7", "10.0.0.7") == 200
    assert status("127.0.0.1", "127.0.0.1") == 200


@pytest.mark.parametrize("name", ["trap.example.com", "169.254.169.254", "metadata", "half.evil"])
def test_no_list_allows_a_metadata_server(name: str) -> None:
    assert status(name, "*", "*.example.com", "169.254.169.254", "metadata", "half.evil") == 400


def test_an_empty_list_allows_nothing() -> None:
    assert status("app.example.com") == 400
    assert status("frontend.test") == 400


def test_a_name_without_an_address_may_come_back() -> None:
    assert status("gone.test", "cluster") == 503


def test_a_header_may_name_a_listed_host_wherever_it_is_and_otherwise_only_a_service() -> None:
    Hosts(("unknown.example.com",), resolve).check_header("unknown.example.com")
    Hosts(("cluster",), resolve).check_header("frontend.test")
    with pytest.raises(RefusedRequest):
        Hosts(("cluster",), resolve).check_header("evil.org")
