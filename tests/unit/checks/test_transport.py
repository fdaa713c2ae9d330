"""One exchange is bounded in time, in size and in where it goes, and its failures are told in our own words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from shared.checks.allowlist import Egress, EgressRefused
from shared.checks.connections import ask_resolver
from shared.checks.deadline import Deadline
from shared.checks.transport import Answer, Call, Http, Patience, TransportFailed
from shared.errors import CheckUnavailable
from tests.support.web import (
    WebServer,
    closed_port,
    drip,
    flood,
    hang,
    make_certificate,
    reply,
    reset,
    send,
    silent_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.web import Behaviour

SECRET = "?token=s3cret"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def http() -> Iterator[Http]:
    client = Http(Egress(("*",)))
    yield client
    client.close()


def call(url: str, keep: int = 1000, verify: bool | str = True) -> Call:
    return Call("POST", url + SECRET, {"X-Token": "s3cret"}, keep, b"question", verify)


def patience(seconds: float = 5.0, retries: int = 0, each: float = 5.0) -> Patience:
    return Patience(each, Deadline.after(seconds), retries)


def test_an_answer_is_taken_as_it_is_and_its_connection_used_again(http: Http) -> None:
    with WebServer(reply(503, "down"), reply(204), reply(302, "", {"Location": "http://evil.test/"})) as server:
        answers = [http.send(call(server.url), patience()) for _ in range(3)]
    assert answers == [Answer(503, b"down", complete=True), Answer(204, b"", complete=True), Answer(302, b"", True)]
    assert server.connections == 1
    assert {(request.method, request.body) for request in server.requests} == {("POST", b"question")}


def test_nothing_is_taken_from_the_environment_or_from_earlier_answers(
    http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with WebServer(reply(headers={"Set-Cookie": "a=b"}), reply()) as server:
        for _ in range(2):
            http.send(call(server.url), patience())
    for request in server.requests:
        assert not {"cookie", "authorization"} & request.headers.keys()


def test_a_body_that_never_ends_is_cut_and_left(http: Http) -> None:
    with WebServer(flood) as server:
        assert http.send(call(server.url, keep=10), patience()) == Answer(200, b"x" * 10, complete=False)


@pytest.mark.parametrize(("size", "complete"), [(999, True), (1000, True), (1001, False)])
def test_no_more_than_asked_for_is_read_of_a_body(http: Http, size: int, complete: bool) -> None:
    with WebServer(reply(200, b"x" * size)) as server:
        answer = http.send(call(server.url, keep=1000), patience())
    assert (len(answer.body), answer.complete) == (min(size, 1000), complete)


CLOSED = "the connection was closed before the answer was complete"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (reset, CLOSED),
        (send(b""), CLOSED),
        (send(HEAD + b"half"), CLOSED),
        (send(CHUNKED + b"4\r\nha"), CLOSED),
        (send(CHUNKED + b"zz\r\nhalf"), CLOSED),
        (send(b"\x16\x03\x01 s3cret\r\n\r\n"), r"no usable HTTP answer \(BadStatusLine\)"),
        (send(b"HTTP/1.1 200 OK\r\n" + b"A: s3cret\r\n" * 200 + b"\r\n"), "no usable HTTP answer"),
    ],
)
def test_what_is_no_answer_is_told_in_our_own_words(http: Http, behaviour: Behaviour, words: str) -> None:
    with WebServer(behaviour) as server, pytest.raises(TransportFailed, match=f"^{words}") as failure:
        http.send(call(server.url), patience())
    assert "s3cret" not in str(failure.value)
    assert failure.value.__context__ is None  # a traceback would print the library's words


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 20),
        drip(HEAD + b"a" * 1000, every=0.02),
        drip(CHUNKED + b"1\r\na\r\n" * 100, every=0.02),
    ],
    ids=["silence", "slow header", "endless continue", "slow body", "slow chunks"],
)
def test_the_time_limit_is_for_the_whole_answer_not_for_each_byte(http: Http, behaviour: Behaviour) -> None:
    began = time.monotonic()
    with WebServer(behaviour) as server, pytest.raises(TransportFailed, match=r"^no answer within 400ms$"):
        http.send(call(server.url), patience(each=0.4))
    assert 0.35 < time.monotonic() - began < 1.0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_time_limit_covers_a_server_that_never_says_a_word(http: Http, scheme: str) -> None:
    began = time.monotonic()
    with silent_server() as address, pytest.raises(TransportFailed, match=r"^no answer within 400ms$"):
        http.send(call(f"{scheme}://{address}"), patience(each=0.4))
    assert time.monotonic() - began < 1.0


def test_the_time_limit_covers_the_resolver() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        time.sleep(3)
        return ("127.0.0.1",)

    began = time.monotonic()
    with pytest.raises(TransportFailed, match=r"^no answer within 300ms$"):
        Http(Egress(("*",)), resolve).send(call("http://slow.test"), patience(each=0.3))
    assert time.monotonic() - began < 1.0


def test_finding_connecting_and_reading_share_one_limit() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        time.sleep(0.6)
        return ("127.0.0.1",)

    began = time.monotonic()
    with WebServer(hang) as server, pytest.raises(TransportFailed, match=r"^no answer within 800ms$"):
        Http(Egress(("*",)), resolve).send(call(f"http://slow.test:{server.server_port}"), patience(each=0.8))
    assert 0.7 < time.monotonic() - began < 1.2


def test_refused_connections_and_unknown_names_are_told_apart(http: Http) -> None:
    with pytest.raises(TransportFailed, match=r"^connection refused$"):
        http.send(call(f"http://127.0.0.1:{closed_port()}"), patience())
    with pytest.raises(TransportFailed, match=r"^its name cannot be resolved$"):
        http.send(call("http://nobody.invalid"), patience())


def test_a_certificate_has_to_be_trusted_unless_told_otherwise(http: Http, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "server.pem")
    with WebServer(reply(200, "ok"), pem=pem) as server:
        with pytest.raises(TransportFailed, match=r"^its certificate cannot be trusted: self-signed certificate$"):
            http.send(call(server.url), patience())
        with pytest.warns(match="Unverified HTTPS request"):
            assert http.send(call(server.url, verify=False), patience()).body == b"ok"
        assert http.send(call(server.url, verify=str(pem)), patience()).body == b"ok"
        # Having been lenient once must not make it lenient for ever.
        with pytest.raises(TransportFailed, match=r"^its certificate"):
            http.send(call(server.url), patience())


def test_the_time_limit_holds_under_tls(http: Http, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "server.pem")
    began = time.monotonic()
    with (
        WebServer(drip(HEAD + b"a" * 1000, every=0.02), pem=pem) as server,
        pytest.raises(TransportFailed, match=r"^no answer within 400ms$"),
    ):
        http.send(call(server.url, verify=str(pem)), patience(each=0.4))
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("trouble", [reply(500), reply(503), reply(429), reset, send(HEAD)])
def test_trouble_that_may_pass_is_tried_again(http: Http, trouble: Behaviour) -> None:
    with WebServer(trouble, trouble, reply(200, "ok")) as server:
        assert http.send(call(server.url), patience(retries=2)).body == b"ok"
    assert len(server.requests) == 3


def test_the_last_answer_stands_when_the_tries_are_used_up(http: Http) -> None:
    with WebServer(reply(500, "first"), reply(429, "second"), reply(200)) as server:
        assert http.send(call(server.url), patience(retries=1)) == Answer(429, b"second", complete=True)
    with WebServer(reset) as server, pytest.raises(TransportFailed, match=CLOSED):
        http.send(call(server.url), patience(retries=1))
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 204, 302, 400, 404, 422])
def test_an_answer_that_would_not_change_is_not_asked_for_again(http: Http, status: int) -> None:
    with WebServer(reply(status)) as server:
        assert http.send(call(server.url), patience(retries=2)).status == status
    assert len(server.requests) == 1


def test_retries_end_with_the_whole_limit(http: Http) -> None:
    began = time.monotonic()
    with WebServer(reply(503)) as server:
        assert http.send(call(server.url), patience(seconds=1.0, retries=1000)).status == 503
    assert time.monotonic() - began < 1.2
    assert len(server.requests) == 3  # at 0, 0.2 and 0.6 s; the next would be at 1.4 s
    with pytest.raises(TransportFailed, match=r"^there was no time left to ask$"):
        http.send(call(server.url), patience(seconds=-1.0))


def test_the_address_that_is_checked_is_the_one_that_is_called() -> None:
    """DNS rebinding: the first answer is harmless, the next one is not."""
    answers = iter([("127.0.0.1",), ("169.254.169.254",), ("127.0.0.2",)])
    client = Http(Egress(("rebound.test", "127.0.0.1")), lambda _host, _port: next(answers))
    refused = Http(Egress(), lambda _host, _port: ("127.0.0.1",))
    with WebServer(reply()) as server:
        url = f"http://rebound.test:{server.server_port}"
        for _ in range(2):  # a changed answer does not help either, while the checked connection lives
            assert client.send(call(url), patience()).status == 200
        assert server.requests[0].headers["host"] == f"rebound.test:{server.server_port}"
        client.close()
        for _ in range(2):
            with pytest.raises(EgressRefused):
                client.send(call(url), patience(retries=5))
        with pytest.raises(EgressRefused):
            refused.send(call(url), patience())
    assert server.connections == 1


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "127.0.1", "127.255.255.254", "0", "0.0.0.0"),  # noqa: S104  a place to call
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "good.test@127.0.0.1"),
        *("localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    ],
)
def test_no_spelling_of_this_machine_gets_around_the_check(host: str) -> None:
    with WebServer(reply()) as server, pytest.raises(EgressRefused):
        Http(Egress()).send(call(f"http://{host}:{server.server_port}"), patience())
    assert server.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1.", "LOCALHOST.", "127.0.0.1%00", "127.0.0.1%09"),
        *("127\u30020\u30020\u30021", "\u2460\u2461\u2466.1", "\uff11\uff12\uff17.0.0.1"),
    ],
)
def test_what_some_resolvers_take_for_this_machine_is_not_called_either(host: str) -> None:
    with WebServer(reply()) as server, pytest.raises(CheckUnavailable):
        Http(Egress()).send(call(f"http://{host}:{server.server_port}"), patience())
    assert server.connections == 0


def test_a_dead_address_leaves_time_for_the_next() -> None:
    """127.0.0.2 refuses at once; an address that swallows packets has only its share of the time."""
    client = Http(Egress(("*",)), lambda _host, _port: ("127.0.0.2", "127.0.0.1"))
    with WebServer(reply(200, "ok")) as server:
        assert client.send(call(f"http://two.test:{server.server_port}"), patience()).body == b"ok"


def test_the_systems_resolver_gives_each_address_once() -> None:
    addresses = ask_resolver("localhost", 80)
    assert "127.0.0.1" in addresses
    assert len(set(addresses)) == len(addresses)
