"""Addresses that a Canary, a template or an AlertProvider may name and that are never called unless somebody allows it:
each is tried, and what the product says is kept.

Hooks, metrics of every provider and notices go out by one ``Http``, which is what is tried here with its default.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.chat.request import admitted
from shared.checks.allowlist import Egress
from shared.checks.connections import ask_resolver
from shared.checks.deadline import Deadline
from shared.checks.endpoint import read_endpoint
from shared.checks.transport import Call, Http, Patience
from shared.errors import CheckUnavailable
from tests.support.figures import Table
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.checks.connections import Resolve

CALLED = "CALLED"
URLS = (
    *("http://169.254.169.254/latest/meta-data", "http://metadata.google.internal/computeMetadata/v1/"),
    *("http://METADATA.google.internal./", "http://[fd00:ec2::254]/", "http://[fd00:ec2::23]/v1/credentials"),
    *("http://[fd20:ce::254]/", "http://[fd00:c1::a9fe:a9fe]/", "http://192.0.0.192/", "http://100.100.100.200/"),
    *("http://168.63.129.16/", "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/"),
    *("http://[64:ff9b:1::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::1]/", "http://[2001:0:53aa:64c:0:0:5601:5601]/"),
    *("http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://169.254.43518/"),
    *(
        "http://prometheus@169.254.169.254/",
        "http://prometheus:9090@169.254.169.254/",
        "http://prometheus\\@127.0.0.1/",
    ),
    *("http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/"),
    *(
        "http://0177.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
    ),
    *("http://0.0.0.0:{port}/", "http://0:{port}/", "http://127.0.0.1%09:{port}/", "http://①②⑦.0.0.1:{port}/"),
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1/", "//127.0.0.1:{port}/"),
)
_REPLIES = (
    "http://127.0.0.1/",
    "https://hooks.slack.com@127.0.0.1/",
    "https://hooks.slack.com.evil.test/",
    "//127.0.0.1/",
)


def try_all() -> Table:
    """Each address and why it was not called, or CALLED."""
    rows = [*_spelled(), _redirected(), _rebound(), *map(_replied, _REPLIES)]
    return Table(("address", "what happened"), tuple(rows))


def _spelled() -> Iterator[tuple[str, str]]:
    with WebServer(reply()) as trap:
        for url in URLS:
            outcome = ask(url.format(port=trap.server_port), Egress(), _resolve)
            yield f"`{url.format(port=1)}`", CALLED if trap.connections else outcome


def _redirected() -> tuple[str, str]:
    with WebServer(reply()) as trap, WebServer(reply(302, "", {"Location": trap.url})) as server:
        outcome = ask(server.url, Egress(("127.0.0.1",)), _resolve)
        return "a redirect to one of these", CALLED if trap.connections else f"not followed, {outcome}"


def _rebound() -> tuple[str, str]:
    """The first address is one that nobody has (RFC 5737); whoever asked again before connecting would get loopback."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("203.0.113.1",) if len(asked) == 1 else ("127.0.0.1",)

    with WebServer(reply()) as trap:
        url = f"http://rebound.test:{trap.server_port}/"
        ask(url, Egress(), resolve)
        looked_up = len(asked)
        outcome = ask(url, Egress(), resolve)
        called = trap.connections or looked_up != 1
    return (
        "a name that resolves to 203.0.113.1, then to 127.0.0.1",
        CALLED if called else f"first 203.0.113.1; then {outcome}",
    )


def _replied(url: str) -> tuple[str, str]:
    sent = admitted(url, "https://slack.com/api/")
    return f"`{url}` as Slack's response URL", CALLED if sent else "not Slack's: no answer is sent there"


def _resolve(host: str, port: int) -> Sequence[str]:
    """Metadata servers have an address that would do, so that it is their names for which they are refused."""
    return ("203.0.113.1",) if "metadata" in host.lower() else ask_resolver(host, port)


def ask(url: str, egress: Egress, resolve: Resolve) -> str:
    """Why ``url`` was not called, without the advice, or the status that it answered."""
    http = Http(egress, resolve)
    try:
        endpoint = read_endpoint(url)
        answer = http.send(Call("GET", endpoint.url, endpoint.headers, 100), Patience(1.0, Deadline.after(1.0)))
    except CheckUnavailable as error:
        return re.sub(r" \(loopback .*\)", "", str(error))
    finally:
        http.close()
    return f"it answered {answer.status}"
