"""Several clusters over real HTTP: each is reached as who it should be, however its credentials change meanwhile, and
none of them takes anything from the others.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError

from infra.local.kubernetes.server import LocalKubernetes
from shared.cluster.kinds import Kind
from shared.clusters.access import Access
from shared.clusters.link import FAILURES, PAUSE, RENEW_SECONDS, Time
from shared.clusters.registry import (
    Allowance,
    ByGoogle,
    ByKubeconfig,
    ByKubeconfigSecret,
    ByTokenFile,
    Cluster,
)
from shared.clusters.sources import KUBECONFIG_SECONDS, Google
from shared.errors import ClusterUnavailable, InvalidSettings, Refused
from tests.support.web import WebServer, closed_port, make_certificate, reply, silent_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.cluster.gateway import Gateway
    from tests.support.cluster import Cluster as TestCluster
    from tests.support.real_cluster import RealCluster
    from tests.support.web import Behaviour

VERSION = "projects/p/secrets/prod/versions/latest"
FAST = Allowance(per_second=1000.0, burst=1000)
TOKENS = {"token-of-ann": "ann", "token-of-ben": "ben"}
EXEC_VERSION = "client.authentication.k8s.io/v1"
LIST = json.dumps({"kind": "List", "items": [], "metadata": {}})


class Account(Credentials):
    """Credentials as Google's library has them, whose tokens are told beforehand; None is a refusal."""

    def __init__(self, *tokens: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth is typed in part
        self._tokens = list(tokens)
        self.refreshed = 0

    def refresh(self, _request: object) -> None:
        """The next token; the last one goes for all that follow."""
        self.refreshed += 1
        token = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        if token is None:
            raise RefreshError("a whole answer with secrets in it")  # type: ignore[no-untyped-call]  # as above
        self.token = token
        self.expire_in(3600)

    def expire_in(self, seconds: float) -> None:
        """Google's library counts in UTC without saying so."""
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)


@dataclass(slots=True)
class HandClock:
    """Time that passes when the test says so, and the waits that were asked for."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def time(self) -> Time:
        """As the code under test takes it."""
        return Time(lambda: self.now, self.waits.append)


@pytest.fixture
def servers() -> Iterator[tuple[LocalKubernetes, LocalKubernetes]]:
    """Two clusters, which know ann and ben."""
    with LocalKubernetes(tokens=TOKENS) as one, LocalKubernetes(tokens=TOKENS) as two:
        yield one, two


@pytest.fixture
def server(servers: tuple[LocalKubernetes, LocalKubernetes]) -> LocalKubernetes:
    """One of them."""
    return servers[0]


def ask(gateway: Gateway) -> None:
    """One request."""
    gateway.get(Kind.CONFIG_MAP, "default", "none")


def users(server: LocalKubernetes) -> list[str]:
    """Who has asked, in order."""
    return [entry.user for entry in server.audit]


def token_file(path: Path, user: str = "ann") -> ByTokenFile:
    """Credentials in a file of that user."""
    (path / user).write_text(f"token-of-{user}")
    return ByTokenFile(str(path / user))


def kubeconfig_of(url: str, token: str, **user: object) -> str:
    """A kubeconfig's text."""
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": token, **user}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def secret(text: str) -> Behaviour:
    """How Secret Manager answers (``AccessSecretVersionResponse``)."""
    data = base64.b64encode(text.encode()).decode()
    return reply(200, json.dumps({"name": VERSION, "payload": {"data": data}}))


def google_at(manager: WebServer, account: Account | None = None) -> Google:
    """A local Secret Manager, asked by an account."""
    found = account or Account("google-token")
    return Google(lambda: found, manager.url)


@contextmanager
def dropping_server() -> Iterator[str]:
    """An address whose packets go nowhere: the queue of a listener that never accepts is full."""
    with socket.socket() as listener, ExitStack() as held:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            caller = held.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


def test_each_cluster_is_reached_by_its_name_and_an_unknown_name_is_said_with_those_that_are_there(
    servers: tuple[LocalKubernetes, LocalKubernetes], tmp_path: Path
) -> None:
    one, two = servers
    access = Access(
        (
            Cluster("one", token_file(tmp_path), one.url),
            Cluster("two", token_file(tmp_path, "ben"), two.url),
        )
    )
    ask(access.gateway("one"))
    for _ in range(2):
        ask(access.gateway("two"))
    assert (users(one), users(two)) == (["ann"], ["ben", "ben"])
    with pytest.raises(InvalidSettings, match=r"SERIN_CLUSTERS\.three: is not there; there is one, two"):
        access.gateway("three")


def test_only_the_api_itself_says_that_an_object_is_not_there(cluster: TestCluster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(cluster.serin_token)
    credentials = ByTokenFile(str(tmp_path / "token"))
    gateway = Access((Cluster("c", credentials, cluster.url, cluster.ca_file or ""),)).gateway("c")
    assert gateway.get(Kind.CONFIG_MAP, "default", "none") is None
    assert gateway.look("/apis/nobody.example/v1/things") is None, "a kind that is not served"
    with WebServer(reply(404, "<h1>Not Found</h1>")) as balancer:
        behind = Access((Cluster("c", credentials, balancer.url),)).gateway("c")
        with pytest.raises(ClusterUnavailable, match=r"answered 404 to GET .*: <h1>Not Found</h1>"):
            behind.get(Kind.CANARY, "shop", "cart")


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ('services "cart" is forbidden: User "serin" cannot get resource "services"', "; grant it as the ClusterRole"),
        ('services "cart" is forbidden: exceeded quota: few', "$"),
    ],
)
def test_a_right_that_is_missing_is_told_from_other_refusals(message: str, advice: str, tmp_path: Path) -> None:
    status = json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": 403})
    with WebServer(reply(403, status)) as server:
        gateway = Access((Cluster("c", token_file(tmp_path), server.url),)).gateway("c")
        with pytest.raises(Refused, match=rf"\(403\): {message}{advice}"):
            gateway.get(Kind.SERVICE, "shop", "cart")


def test_a_token_file_that_is_replaced_counts_from_the_next_request(cluster: TestCluster, tmp_path: Path) -> None:
    credentials = token_file(tmp_path, "nobody")
    access = Access((Cluster("c", credentials, cluster.url, cluster.ca_file or ""),))
    gateway = access.gateway("c")
    if cluster.kind == "real":
        with pytest.raises(Refused, match=r"\(401\): .*; give this process credentials"):
            ask(gateway)
    before = cluster.mark()
    (tmp_path / "nobody").write_text(cluster.serin_token + "\n")
    ask(gateway)
    assert [entry.verb for entry in cluster.requests_by("serin", before)] == ["get"]
    (tmp_path / "nobody").unlink()
    with pytest.raises(ClusterUnavailable, match=r"cluster c cannot be asked: token file .* \(FileNotFoundError\)"):
        ask(gateway)


def test_a_kubeconfig_and_its_context_say_where_and_who(real_cluster: RealCluster) -> None:
    credentials = ByKubeconfig(str(real_cluster.kubeconfig), "serin")
    before = real_cluster.mark()
    ask(Access((Cluster("c", credentials),)).gateway("c"))
    assert len(real_cluster.requests_by("serin", before)) == 1


def test_a_program_in_a_kubeconfig_is_asked_again_when_its_token_expires(
    server: LocalKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.clusters.kubeconfig._FRESH_SECONDS", 0.0)
    program, answer, config = tmp_path / "program", tmp_path / "answer", tmp_path / "kubeconfig"
    program.write_text(f"#!/bin/sh\ncat {answer}\n")
    program.chmod(0o700)
    plugin = {"apiVersion": EXEC_VERSION, "command": str(program), "interactiveMode": "Never"}
    config.write_text(kubeconfig_of(server.url, "", exec=plugin))
    answer.write_text(exec_credential("token-of-ann"))
    gateway = Access((Cluster("c", ByKubeconfig(str(config))),)).gateway("c")
    ask(gateway)
    answer.write_text(exec_credential("token-of-ben"))
    ask(gateway)
    answer.unlink()
    ask(gateway)
    assert users(server) == ["ann", "ben", "ben"]


def exec_credential(token: str) -> str:
    """What a credential plugin prints (Kubernetes, "client-go credential plugins"); it expires within a minute."""
    expiry = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"token": token, "expirationTimestamp": expiry}
    return json.dumps({"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": status})


def test_certificates_may_be_given_as_text_and_others_are_not_trusted(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "right.pem")
    other = make_certificate(tmp_path / "other.pem")
    credentials = token_file(tmp_path)
    with WebServer(reply(200, LIST), pem=pem) as server:
        trusting = Cluster("trusting", credentials, server.url, pem.read_text())
        doubting = Cluster("doubting", credentials, server.url, str(other))
        access = Access((trusting, doubting))
        assert list(access.gateway("trusting").every(Kind.SERVICE)) == []
        with pytest.raises(
            ClusterUnavailable, match=r"certificate cannot be trusted: .*; see that its address and its CA"
        ):
            ask(access.gateway("doubting"))
        assert [request.headers["authorization"] for request in server.requests] == ["Bearer token-of-ann"]


def test_a_google_token_is_renewed_before_it_expires(server: LocalKubernetes) -> None:
    account = Account("token-of-ann", "token-of-ben")
    gateway = Access((Cluster("c", ByGoogle(), server.url),), google=Google(lambda: account)).gateway("c")
    for left in (3600, 3600, 60, 3600):
        ask(gateway)
        account.expire_in(left)
    assert (users(server), account.refreshed) == (["ann", "ann", "ann", "ben"], 2)


def test_a_google_token_that_cannot_be_renewed_is_used_while_it_lasts(server: LocalKubernetes) -> None:
    account = Account("token-of-ann", None)
    account.refresh(None)
    account.expire_in(60)
    gateway = Access((Cluster("c", ByGoogle(), server.url),), google=Google(lambda: account)).gateway("c")
    for _ in range(3):
        ask(gateway)
    assert (users(server), account.refreshed) == (["ann"] * 3, 2)
    account.expire_in(-1)
    with pytest.raises(ClusterUnavailable, match=r"cluster c cannot be asked: .* \(RefreshError\)") as error:
        ask(gateway)
    assert "secrets" not in str(error.value)


def test_a_kubeconfig_of_secret_manager_is_kept_some_minutes_and_then_read_again(
    servers: tuple[LocalKubernetes, LocalKubernetes],
) -> None:
    one, two = servers
    clock = HandClock()
    first, second = kubeconfig_of(one.url, "token-of-ann"), kubeconfig_of(two.url, "token-of-ben")
    with WebServer(secret(first), secret(second)) as manager:
        cluster = Cluster("c", ByKubeconfigSecret(VERSION, "x"))
        access = Access((cluster,), google=google_at(manager), time=clock.time())
        for _ in range(3):
            ask(access.gateway("c"))
        clock.now += KUBECONFIG_SECONDS - 1
        ask(access.gateway("c"))
        assert (users(one), users(two), len(manager.requests)) == (["ann"] * 4, [], 1)
        clock.now += 1
        ask(access.gateway("c"))
        assert (users(one), users(two), len(manager.requests)) == (["ann"] * 4, ["ben"], 2)
    asked = manager.requests[0]
    assert (asked.path, asked.headers["authorization"]) == (f"/v1/{VERSION}:access", "Bearer google-token")


def test_a_kubeconfig_is_read_anew_after_a_401_but_not_at_each(server: LocalKubernetes) -> None:
    clock = HandClock()
    texts = (kubeconfig_of(server.url, token) for token in ("token-of-ann", "token-of-ben"))
    with WebServer(*map(secret, texts)) as manager:
        cluster = Cluster("c", ByKubeconfigSecret(VERSION))
        access = Access((cluster,), google=google_at(manager), time=clock.time())
        ask(access.gateway("c"))
        server.fail_with = lambda entry: 401 if entry.user == "ann" else None
        for _ in range(3):
            with pytest.raises(Refused, match="401"):
                ask(access.gateway("c"))
        assert len(manager.requests) == 1
        clock.now += RENEW_SECONDS
        ask(access.gateway("c"))
    assert (users(server)[-1], len(manager.requests)) == ("ben", 2)


def test_an_outage_of_secret_manager_stops_no_cluster_whose_kubeconfig_is_known(server: LocalKubernetes) -> None:
    clock = HandClock()
    config = secret(kubeconfig_of(server.url, "token-of-ann"))
    with WebServer(config, reply(503, "token-of-ann"), config) as manager:
        cluster = Cluster("c", ByKubeconfigSecret(VERSION))
        access = Access((cluster,), google=google_at(manager), time=clock.time())
        for pause in (0, KUBECONFIG_SECONDS, 1, 1, RENEW_SECONDS):
            clock.now += pause
            ask(access.gateway("c"))
    assert (len(users(server)), len(manager.requests)) == (5, 3)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (reply(403, "hunter2"), "answered 403 .*: give the service account of this process the role roles/secret"),
        (reply(404, "hunter2"), "answered 404 .*: there is no such secret"),
        (reply(200, '{"payload": {"data": "hunter2"}}'), "something that is no secret"),
        (secret("hunter2: ["), r"the kubeconfig in projects/p/secrets/prod/versions/latest cannot be used \("),
        (secret("hunter2"), "cannot be used"),
        (secret(kubeconfig_of("https://10.0.0.2", "hunter2", exec={"command": "touch"})), "must not have user.exec"),
        (secret(kubeconfig_of("https://10.0.0.2", "hunter2", tokenFile="/etc/passwd")), "must not have user.tokenFile"),
    ],
)
def test_a_secret_that_is_no_good_is_explained_once_a_while_and_never_shown(answer: Behaviour, problem: str) -> None:
    with WebServer(answer) as manager:
        access = Access((Cluster("c", ByKubeconfigSecret(VERSION)),), google=google_at(manager))
        for _ in range(3):
            with pytest.raises(ClusterUnavailable, match=problem) as error:
                access.gateway("c")
            assert "hunter2" not in str(error.value)
    assert len(manager.requests) == 1


@pytest.mark.parametrize("kind", ["refuses", "drops", "never answers"])
def test_a_cluster_that_cannot_be_reached_slows_nobody_elses_requests(
    kind: str, server: LocalKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cluster.gateway.CONNECT_SECONDS", 1.0)
    monkeypatch.setattr("shared.cluster.gateway.READ_SECONDS", 2.0)
    credentials = token_file(tmp_path)
    with ExitStack() as stack:
        addresses: dict[str, Callable[[], str]] = {
            "refuses": lambda: f"127.0.0.1:{closed_port()}",
            "drops": lambda: stack.enter_context(dropping_server()),
            "never answers": lambda: stack.enter_context(silent_server()),
        }
        dead = Cluster("dead", credentials, f"http://{addresses[kind]()}", allowance=FAST)
        access = Access((dead, Cluster("live", credentials, server.url, allowance=FAST)))
        pool = stack.enter_context(ThreadPoolExecutor(8))
        first = [pool.submit(seconds_to_fail, access, "dead") for _ in range(8)]
        assert max(seconds_to_ask(access, "live") for _ in range(50)) < 0.8
        assert max(future.result() for future in first) < 4.0
        assert max(pool.map(lambda _: seconds_to_fail(access, "dead"), range(100))) < 0.5
        assert max(seconds_to_ask(access, "live") for _ in range(50)) < 0.8


def seconds_to_ask(access: Access, name: str, began: float | None = None) -> float:
    """How long one request takes; with ``began``, when it ended after that."""
    began = time.monotonic() if began is None else began
    ask(access.gateway(name))
    return time.monotonic() - began


def seconds_to_fail(access: Access, name: str) -> float:
    """How long one request takes that gets no answer."""
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable):
        ask(access.gateway(name))
    return time.monotonic() - began


def test_a_cluster_that_comes_back_is_found_by_one_try(tmp_path: Path) -> None:
    clock, port = HandClock(), closed_port()
    cluster = Cluster("c", token_file(tmp_path), f"http://127.0.0.1:{port}")
    gateway = Access((cluster,), time=clock.time()).gateway("c")
    for _ in range(FAILURES):
        with pytest.raises(ClusterUnavailable, match=r"did not answer GET /\S+: connection refused$"):
            ask(gateway)
    with LocalKubernetes(port, TOKENS) as server:
        with pytest.raises(ClusterUnavailable, match="cluster c does not answer; it is tried again every 15 s"):
            ask(gateway)
        assert users(server) == []
        clock.now += PAUSE
        for _ in range(2):
            ask(gateway)
        assert users(server) == ["ann", "ann"]


def test_an_answer_of_any_status_shows_that_the_cluster_is_there(server: LocalKubernetes, tmp_path: Path) -> None:
    gateway = Access((Cluster("c", token_file(tmp_path), server.url),)).gateway("c")
    server.fail_with = lambda _: 503
    for _ in range(FAILURES + 2):
        with pytest.raises(ClusterUnavailable, match="answered 503"):
            ask(gateway)
    server.fail_with = None
    ask(gateway)


def test_the_allowance_holds_for_all_threads_together(server: LocalKubernetes, tmp_path: Path) -> None:
    allowance = Allowance(per_second=40.0, burst=10)
    access = Access((Cluster("c", token_file(tmp_path), server.url, allowance=allowance),))
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        ends = sorted(pool.map(lambda _: seconds_to_ask(access, "c", began), range(70)))
    assert len(users(server)) == 70
    assert all(rank <= 10 + 40 * end + 1e-6 for rank, end in enumerate(ends, start=1))
    assert 1.5 <= ends[-1] < 4.0


def test_a_request_waits_for_its_turn_no_longer_than_it_may(server: LocalKubernetes, tmp_path: Path) -> None:
    clock = HandClock()
    cluster = Cluster("c", token_file(tmp_path), server.url, allowance=Allowance(per_second=1.0, burst=2))
    gateway = Access((cluster,), time=clock.time()).gateway("c")
    for _ in range(7):
        ask(gateway)
    assert clock.waits == [1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(ClusterUnavailable, match="cluster c may be asked 1 requests per second, and more are waiting"):
        ask(gateway)
    assert (len(users(server)), gateway.spent) == (7, 7)


def test_threads_share_one_client_that_was_made_at_first_use(server: LocalKubernetes) -> None:
    with WebServer(secret(kubeconfig_of(server.url, "token-of-ann"))) as manager:
        access = Access((Cluster("c", ByKubeconfigSecret(VERSION), allowance=FAST),), google=google_at(manager))
        assert manager.requests == []
        with ThreadPoolExecutor(8) as pool:
            gateways = list(pool.map(lambda _: access.gateway("c"), range(40)))
    assert len(manager.requests) == 1
    assert len({id(gateway._client) for gateway in gateways}) == 1


def test_whoever_only_reads_the_settings_loads_no_client() -> None:
    code = (
        "import sys; from shared.settings import read_settings; read_settings({});"
        "import shared.clusters.callers; print({'kubernetes', 'requests', 'google.auth'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown == "set()\n"
