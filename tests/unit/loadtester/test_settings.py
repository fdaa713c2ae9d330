"""The load tester's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import InvalidSettings
from shared.loadtester.settings import Settings, find_programs, read_settings


def test_nothing_set_means_hey_to_services_and_nobody_from_outside() -> None:
    settings = read_settings({"PATH": "/bin", "SERIN_STORE": "sqlite://", "LOADTESTER_TOKENS": ""})
    assert settings == Settings()
    assert (settings.tokens, settings.programs, settings.hosts) == ((), ("hey",), ("cluster",))


def test_every_setting_is_read_and_tokens_are_not_shown() -> None:
    settings = read_settings(
        {
            "LOADTESTER_TOKENS": "a-token-of-24-characters, another-token-of-the-tests",
            "LOADTESTER_PROGRAMS": "hey,wrk",
            "LOADTESTER_HOSTS": "cluster, *.example.com",
            "LOADTESTER_NAMESPACES": "test,team-*",
            "LOADTESTER_MOST_RUNNING": "3",
            "LOADTESTER_COMMAND_TIMEOUT": "1m30s",
            "LOADTESTER_LOG_OUTPUT": "false",
            "LOADTESTER_GATE_TIMEOUT": "15m",
            "LOADTESTER_GATE_FILE": "/state/gates.db",
        }
    )
    assert settings == Settings(
        tokens=("a-token-of-24-characters", "another-token-of-the-tests"),
        programs=("hey", "wrk"),
        hosts=("cluster", "*.example.com"),
        namespaces=("test", "team-*"),
        most_running=3,
        command_timeout=90.0,
        log_output=False,
        gate_timeout=900.0,
        gate_file="/state/gates.db",
    )
    assert "token-of" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "text"),
    [("TOKENS", "short"), ("TOKENS", ","), ("TOKENS", "with/characters/that/need/escapes"), ("PROGRAMS", "sh"),
     ("MOST_RUNNING", "0"), ("MOST_RUNNING", "101"), ("MOST_RUNNING", "-1"), ("COMMAND_TIMEOUT", "60"),
     ("GATE_TIMEOUT", "0s"), ("GATE_TIMEOUT", "169h"), ("LOG_OUTPUT", "yes"), ("PORT", "80")],
)  # fmt: skip
def test_a_wrong_value_stops_the_start_and_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({f"LOADTESTER_{name}": text, "LOADTESTER_LOG_OUTPUT": text if name == "LOG_OUTPUT" else "true"})
    assert [problem.path for problem in caught.value.problems] == [f"LOADTESTER_{name}"]
    assert name != "TOKENS" or f"got {text!r}" not in str(caught.value)


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "loadtester.md").read_text()
    assert [name for name in Settings.__dataclass_fields__ if f"| `LOADTESTER_{name.upper()}` |" not in page] == []


def test_a_program_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="LOADTESTER_PROGRAMS: hey is not on the PATH"):
        find_programs(Settings(), str(tmp_path))
    program = tmp_path / "hey"
    program.touch(0o755)
    assert find_programs(Settings(), str(tmp_path)) == {"hey": program}
