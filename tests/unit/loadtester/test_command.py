"""Which commands are run, and as what."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.loadtester.answer import RefusedRequest
from shared.loadtester.command import LONGEST, Rules
from shared.loadtester.hosts import Hosts
from shared.loadtester.programs import PROGRAMS

SERVICE = "10.0.0.7"
RULES = Rules(
    {name: Path("/bin") / name for name in ("hey", "wrk", "ghz")}, Hosts(("cluster",), lambda _host, _port: (SERVICE,))
)


def argv(text: str) -> tuple[str, ...]:
    return RULES.read(text).argv


def refusal(text: str) -> str:
    with pytest.raises(RefusedRequest) as caught:
        RULES.read(text)
    assert caught.value.answer.status == 400
    return caught.value.answer.text


def test_the_guides_commands_run_without_a_shell_and_follow_no_redirect() -> None:
    assert argv("hey -z 1m -q 5 -c 2 http://frontend.test:9898") == (
        "/bin/hey", "-z=1m", "-q=5", "-c=2", "-disable-redirects", "http://frontend.test:9898",
    )  # fmt: skip
    assert argv("""hey -z 1m -m POST -d '{"test": true}' http://frontend.test:9898/echo""") == (
        "/bin/hey", "-z=1m", "-m=POST", '-d={"test": true}', "-disable-redirects", "http://frontend.test:9898/echo",
    )  # fmt: skip
    assert argv("wrk -t 2 --duration 30s http://frontend.test/") == (
        "/bin/wrk", "--threads=2", "--duration=30s", "http://frontend.test/",
    )  # fmt: skip
    assert argv("ghz --insecure --call a.B/c frontend.test:9898") == (
        "/bin/ghz", "--insecure", "--call=a.B/c", "frontend.test:9898",
    )  # fmt: skip


def test_a_command_reads_in_logs_as_it_was_written_but_for_its_secrets() -> None:
    text = "hey -z 1m -a user:pass -H 'Authorization: Bearer t0k3n' 'http://frontend.test/buy?token=s3cr3t'"
    shown = RULES.read(text).shown
    assert shown == "hey -z 1m -a '***' -H 'Authorization: ***' http://frontend.test/buy"
    assert "pass" not in repr(RULES.read(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the command is empty"),
        ("sh -c 'hey http://a.test'", "'sh' is not a program that this load tester runs (it runs: ghz, hey, wrk)"),
        ("/bin/hey http://a.test", "'/bin/hey' is not a program"),
        ("hey -z 1m http://a.test; rm -rf http://b.test", "its address has to be last"),
        ("hey -z 1m $(id) http://a.test", "stands between the options"),
        ("hey http://a.test -z 1m", "has to end with the address"),
        ("hey 'http://a.test", "a quotation that does not end"),
        ("hey -z 1m", "has to end with the address"),
        ("hey -D /etc/passwd http://a.test", "hey -D reads a file of the load tester"),
        ("hey --D=/etc/passwd http://a.test", "hey -D reads a file of the load tester"),
        ("hey -x proxy:80 http://a.test", "hey -x goes around the allowed hosts"),
        ("hey -o=/tmp/x http://a.test", "the value of hey -o is missing or cannot be used"),
        ("hey -c 1001 http://a.test", "hey -c may be at most 1000"),
        ("hey -z forever http://a.test", "the value of hey -z"),
        ("hey -h2=false http://a.test", "hey -h2 takes no value"),
        ("hey -H 'A: b\nC: d' http://a.test", "the value of hey -H"),
        ("hey -- http://a.test", "'--' is not an option of hey that is allowed"),
        ("hey http://user:pass@a.test/", "has to end with the address"),
        (r"hey 'http://a.test\@evil.example/'", "has to end with the address"),
        ("hey file:///etc/passwd", "has to end with the address"),
        ("hey http://a.test:0/", "there is no port 0"),
        ("hey http://a.test:99999/", "there is no port 99999"),
        ("hey http://app.example.com/", "app.example.com is not among the hosts"),
        ("hey -host app.example.com http://a.test/", "app.example.com is not among the hosts"),
        ("wrk -s evil.lua http://a.test/", "wrk -s runs a file of the load tester"),
        ("wrk -t2 http://a.test/", "'-t2' is not an option of wrk that is allowed"),
        ("ghz --config x.json a.test:80", "ghz --config reads a file of the load tester"),
        ("ghz -o /tmp/x a.test:80", "ghz -o writes a file"),
        ("hey " + "-h2 " * LONGEST, "has more than 16384 characters"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused_and_named(text: str, reason: str) -> None:
    assert reason in refusal(text)


@given(program=some.sampled_from(sorted(PROGRAMS)), words=some.lists(some.text(max_size=12), max_size=4))
def test_whatever_is_written_only_known_options_reach_a_program(program: str, words: list[str]) -> None:
    given_ = [*words, "frontend.test:80" if program == "ghz" else "http://frontend.test/"]
    try:
        _, *arguments, _ = argv(shlex.join([program, *given_]))
    except RefusedRequest:
        return
    names = {option.name for option in PROGRAMS[program].options.values()}
    assert {argument.partition("=")[0] for argument in arguments} <= names


@given(value=some.text(some.characters(exclude_categories=("Cc", "Cs")), max_size=40))
def test_a_value_stays_the_value_of_its_option(value: str) -> None:
    assert argv(shlex.join(["hey", "-d", value, "http://a.test/"]))[1] == f"-d={value}"
