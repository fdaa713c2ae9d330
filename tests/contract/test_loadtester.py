"""The load tester as its container runs it, with the real ``hey`` and a real web server to send its load to."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from shared.loadtester.programs import PROGRAMS
from tests.support.loadtester import TOKEN, LoadTester, Said, payload
from tests.support.processes import NotStartedError, command_lines
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGIN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def tester(hey: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadTester]:
    with LoadTester(tmp_path_factory.mktemp("loadtester"), hey.parent) as running:
        yield running


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer(reply(200, "hello")) as server:
        yield server


def test_hey_knows_every_option_that_may_be_given_to_it(hey: Path) -> None:
    usage = subprocess.run((hey, "--help"), capture_output=True, text=True, check=False).stderr
    words = usage.split()
    assert [name for name in PROGRAMS["hey"].options if name not in words] == []


def test_the_guides_commands_reach_the_app_with_their_bodies_and_headers(tester: LoadTester, web: WebServer) -> None:
    get = f"hey -n 4 -c 2 {web.url}/a?b=c"
    post = f"""hey -n 2 -c 1 -m POST -T application/json -H 'X-Test: yes' -d '{{"test": true}}' {web.url}/echo"""
    assert tester.post("/", payload(cmd=get)).status == 202
    assert tester.post("/", payload(type="cmd", cmd=post)).status == 202
    eventually("all requests have come", lambda: len(web.requests) == 6)
    posts = [request for request in web.requests if request.path == "/echo"]
    assert {request.path for request in web.requests} == {"/a?b=c", "/echo"}
    assert [(each.method, each.body, each.headers["x-test"]) for each in posts] == [
        ("POST", b'{"test": true}', "yes")
    ] * 2
    eventually(
        "its summary is logged", lambda: any("[200]	4 responses" in each.get("output", "") for each in tester.lines)
    )


def test_a_hook_that_is_called_every_tick_starts_its_command_once(tester: LoadTester, web: WebServer) -> None:
    command = f"hey -z 3s -c 1 -q 5 {web.url}/"
    assert [tester.post("/", payload(cmd=command)) for _ in range(4)] == [Said(202, "Accepted")] * 4
    assert tester.messages.count(f"command starting {command}") == 1
    assert tester.messages.count(f"command skipped {command} is already running") == 3
    eventually("it has ended", lambda: f"command finished {command}" in tester.messages)
    assert tester.post("/", payload(cmd=command)).status == 202
    eventually("it starts again", lambda: tester.messages.count(f"command starting {command}") == 2)


def test_a_commands_own_time_limit_ends_it_and_what_it_reports_is_kept(tester: LoadTester, web: WebServer) -> None:
    command = f"hey -z 1h -c 2 -q 5 {web.url}/limit"
    tester.post("/", payload(cmd=command, timeout="1s"))
    said = f"command failed {command} was ended after 1 s"
    line = eventually("it was ended", lambda: next((each for each in tester.lines if each["msg"] == said), None))
    assert "Requests/sec" in line["output"], "hey reports when it is asked to end"


def test_a_redirect_is_not_followed(tester: LoadTester, web: WebServer) -> None:
    web.script = [reply(302, headers={"Location": "/elsewhere"})]
    tester.post("/", payload(cmd=f"hey -n 1 -c 1 {web.url}/here"))
    eventually(
        "its summary is logged", lambda: any("[302]	1 responses" in each.get("output", "") for each in tester.lines)
    )
    assert [request.path for request in web.requests] == ["/here"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"name": "podinfo", "namespace": "test"}, 400, "metadata not found in payload"),
        (payload(), 400, "metadata not found in payload"),
        (payload(type="cmd"), 400, "cmd not found in metadata"),
        (payload(type="bash", cmd="exit 0"), 400, "metadata.type bash is not run here"),
        (payload(type="helm", cmd="test"), 400, "metadata.type helm is not run here"),
        (payload(type="x", cmd="hey"), 400, "unknown task type 'x'"),
        (payload(cmd="curl http://127.0.0.1/"), 400, "'curl' is not a program that this load tester runs"),
        (payload(cmd="hey -D /etc/passwd http://127.0.0.1/"), 400, "hey -D reads a file of the load tester"),
        (payload(cmd="hey http://169.254.169.254/"), 400, "169.254.169.254 is not among the hosts"),
        (payload(cmd="hey http://127.0.0.1/", timeout="soon"), 400, "metadata.timeout has to be a duration"),
        ("x", 400, "the body is not a JSON object"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_a_sentence(tester: LoadTester, body: object, status: int, text: str) -> None:
    said = tester.post("/", body)
    assert said.status == status
    assert said.text.startswith(text)


def test_nothing_but_the_constants_is_told_to_strangers(tester: LoadTester) -> None:
    for path in (
        "/",
        "/event",
        *(f"/{kind}/{verb}" for kind in ("gate", "rollback") for verb in ("check", "open", "close")),
    ):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert tester.post(path, payload(cmd="hey http://127.0.0.1/"), headers).status == 401
    assert [tester.post(path, {}, {}).status for path in ("/healthz", "/gate/approve", "/gate/halt")] == [200, 200, 403]
    assert tester.post("/launch", payload(), LOGIN).status == 404


def test_gates_answer_as_flaggers_and_for_one_run_only(tester: LoadTester) -> None:
    first, second = payload("run-1"), payload("run-2")
    assert tester.post("/gate/check", first) == Said(403, "Forbidden: the gate of podinfo.test is closed")
    by_hand = {**LOGIN, "Content-Type": "application/x-www-form-urlencoded"}  # as curl -d has it
    assert tester.post("/gate/open", {"name": "podinfo", "namespace": "test"}, by_hand).status == 202
    assert [tester.post("/gate/check", first) for _ in range(2)] == [Said(200, "Approved")] * 2
    assert tester.post("/rollback/check", first).status == 403, "another kind of gate"
    assert tester.post("/gate/check", {**first, "name": "other"}).status == 403, "another canary"
    assert tester.post("/gate/check", second).status == 403
    assert tester.post("/gate/check", first).status == 403, "the next run has closed it"


def test_a_gate_is_closed_by_hand_and_by_the_end_of_its_run(tester: LoadTester) -> None:
    body = payload("run-3")
    for path in ("/gate", "/rollback"):
        tester.post(f"{path}/open", body)
        assert tester.post(f"{path}/check", body).status == 200
        assert tester.post(f"{path}/close", body).status == 202
        assert tester.post(f"{path}/check", body).status == 403
        tester.post(f"{path}/open", body)
    tester.post("/event", body)
    assert tester.post("/gate/check", body).status == 200, "the run goes on"
    tester.post("/event", {**body, "phase": "Succeeded"})
    assert [tester.post(f"{path}/check", body).status for path in ("/gate", "/rollback")] == [403, 403]


def test_an_open_gate_survives_a_kill_and_closes_when_its_time_is_over(hey: Path, tmp_path: Path) -> None:
    with LoadTester(tmp_path, hey.parent, {"LOADTESTER_GATE_TIMEOUT": "3s"}) as tester:
        tester.post("/gate/open", payload("run-1"))
        with tester.process.down():
            pass
        assert tester.post("/gate/check", payload("run-1")).status == 200
        hand = {"name": "podinfo", "namespace": "test"}
        eventually("it has closed", lambda: tester.post("/gate/check", hand).status == 403, seconds=10)


def test_one_command_too_many_is_asked_to_come_again(hey: Path, tmp_path: Path, web: WebServer) -> None:
    with LoadTester(tmp_path, hey.parent, {"LOADTESTER_MOST_RUNNING": "1"}) as tester:
        first, second = (payload(cmd=f"hey -z 1h -c 1 -q 5 {web.url}/{path}") for path in "ab")
        assert tester.post("/", first).status == 202
        full = tester.post("/", second)
        assert full == Said(429, "too many commands are running (at most 1): try again later", {"Retry-After": "5"})
        assert tester.post("/", first).status == 202, "it runs already"


def test_without_a_token_only_loopback_comes_in_and_no_proxy_on_it(hey: Path, tmp_path: Path) -> None:
    with LoadTester(tmp_path, hey.parent, {"LOADTESTER_TOKENS": ""}) as tester:
        assert tester.post("/gate/check", payload(), {}).status == 403
        assert tester.post("/gate/check", payload(), {"X-Forwarded-For": "10.0.0.7"}).status == 401


def test_the_end_of_the_process_is_the_end_of_its_commands(hey: Path, tmp_path: Path, web: WebServer) -> None:
    command = f"hey -z 1h -c 1 -q 20 {web.url}/"
    for end in ("stop", "kill"):
        with LoadTester(tmp_path / end, hey.parent) as tester:
            tester.post("/", payload(cmd=command))
            web.requests.clear()
            eventually("requests come", lambda: len(web.requests) > 3)
            getattr(tester.process, end)()
            eventually("hey is gone", lambda: not command_lines(web.url), seconds=5)


def test_no_setting_that_is_wrong_lets_it_start(hey: Path, tmp_path: Path) -> None:
    tester = LoadTester(tmp_path, hey.parent, {"LOADTESTER_PROGRAMS": "hey,wrk"})
    with pytest.raises(NotStartedError, match="LOADTESTER_PROGRAMS: wrk is not on the PATH"), tester:
        pass
