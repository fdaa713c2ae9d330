"""Settings: a wrong value stops the start, and every wrong value is named with what is allowed."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from shared.errors import InvalidSettings
from shared.settings import Settings, installation_keys, read_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({"PATH": "/bin"}) == Settings()


def test_values_are_read_with_their_types() -> None:
    read = read_settings(
        {"SERIN_EGRESS_ALLOW": "*.svc, 10.0.0.1", "SERIN_CONCURRENCY": "32", "SERIN_HEARTBEAT_SECONDS": "5"}
    )
    assert (read.egress_allow, read.concurrency, read.heartbeat_seconds) == (("*.svc", "10.0.0.1"), 32, 5.0)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        (
            "SERIN_STORE",
            "mysql://x",
            "must be sqlite:///path, sqlite:// or firestore://PROJECT/DATABASE, got 'mysql://x'",
        ),
        ("SERIN_CLUSTER", "a:b", "must hold neither a colon nor a slash, got 'a:b'"),
        ("SERIN_KUBECONFIG", "/nowhere", "must be the path of a file, got '/nowhere'"),
        ("SERIN_METRICS_SERVER", "prometheus:9090", "must be an http or https URL, got 'prometheus:9090'"),
        ("SERIN_METRICS_AUTH", "digest", "must be one of none, bearer, basic, google, got 'digest'"),
        ("SERIN_NAMESPACES", "shop,../x", "must be names of namespaces, separated by commas, got 'shop,../x'"),
        ("SERIN_CONCURRENCY", "0", "must be a whole number from 1 to 64, got '0'"),
        ("SERIN_HEARTBEAT_SECONDS", "soon", "must be a number of seconds, above 0 and up to 3600, got 'soon'"),
        ("SERIN_CONCURENCY", "8", "is not a setting of Serin"),
        ("SERIN_SLACK_TOKEN", "xoxp-1", "must be a bot token, which starts with xoxb-"),
        ("SERIN_SLACK_API", "slack", "must be an http or https URL, got 'slack'"),
        ("SERIN_LINKS", "x", "must be pairs like Grafana=https://grafana.example.com/{name}, got 'x'"),
        ("SERIN_LINKS", "X=https://x/{pod}", "may name {cluster}, {name}, {namespace}, {run}, got 'X=https://x/{pod}'"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({name: value})
    assert [str(problem) for problem in error.value.problems] == [f"{name}: {allowed}"]


BAD = {
    "store": "mysql://x",
    "history_days": "0",
    "cluster": "a:b",
    "kubeconfig": "/nowhere",
    "clusters": "/nowhere",
    "namespaces": "../x",
    "metrics_server": "prometheus",
    "metrics_auth": "digest",
    "metrics_ca": "/nowhere",
    "cross_namespace_refs": "perhaps",
    "hash_key": "too-short",
    "scheduler": "europe",
    "webhook_secrets": "too-short",
    "scrape_tokens": "too-short",
    "slack_token": "xoxp-nope",
    "slack_channel": "#a channel",
    "slack_url": "hooks.slack",
    "slack_api": "slack",
    "slack_signing_secrets": "too-short",
    "slack_roles": "/nowhere",
    "slack_address": "slack",
    "slack_command": "canary",
    "links": "nothing",
    "concurrency": "0",
    "heartbeat_seconds": "soon",
    "analysis_seconds": "-1",
}
ANYTHING = {"metrics_user", "metrics_password", "egress_allow", "callers", "audiences", "slack_user"}
"""Settings of which every text is one."""


def test_every_setting_has_a_wrong_value_or_takes_any() -> None:
    assert BAD.keys() | ANYTHING == {each.name for each in fields(Settings)}
    assert not BAD.keys() & ANYTHING


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_value_of_each_setting_names_it_and_repeats_no_secret(name: str) -> None:
    variable, secret = f"SERIN_{name.upper()}", not Settings.__dataclass_fields__[name].repr
    with pytest.raises(InvalidSettings) as error:
        read_settings({variable: BAD[name]})
    (problem,) = (str(each) for each in error.value.problems if each.path == variable)
    assert re.search("must|less than", problem), "it does not say what is allowed"
    assert (BAD[name] in problem) is not (secret or name == "clusters"), problem


def test_a_slack_app_needs_the_id_of_its_channel_and_a_webhook_any_channel() -> None:
    for environment in (
        {"SERIN_SLACK_TOKEN": "xoxb-1"},
        {"SERIN_SLACK_TOKEN": "xoxb-1", "SERIN_SLACK_CHANNEL": "#releases"},
        {"SERIN_SLACK_URL": "https://hooks.slack.com/services/T/B/x"},
    ):
        with pytest.raises(InvalidSettings, match="SERIN_SLACK_CHANNEL: must be"):
            read_settings(environment)
    assert read_settings({"SERIN_SLACK_TOKEN": "xoxb-1", "SERIN_SLACK_CHANNEL": "C0123ABCD"}).slack_channel
    assert read_settings({"SERIN_SLACK_URL": "https://hooks.slack.com/x", "SERIN_SLACK_CHANNEL": "ops"}).slack_url


def test_links_are_pairs_that_name_the_run() -> None:
    read = read_settings({"SERIN_LINKS": "Grafana=https://g/{name}?x={namespace}, Logs=https://l/{run}"})
    assert read.links == (("Grafana", "https://g/{name}?x={namespace}"), ("Logs", "https://l/{run}"))


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_STORE": "x", "SERIN_CONCURRENCY": "x"})
    assert {problem.path for problem in error.value.problems} == {"SERIN_STORE", "SERIN_CONCURRENCY"}


def test_a_secret_is_never_repeated() -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_HASH_KEY": "hunter2"})
    assert "hunter2" not in str(error.value)
    assert "hunter2-hunter2-hunter2" not in repr(read_settings({"SERIN_HASH_KEY": "hunter2-hunter2-hunter2"}))


def test_a_sqlite_file_keeps_its_key_beside_it_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/serin.db")
    first, second = installation_keys(settings), installation_keys(settings)
    assert first == second
    assert [len(key) for key in first] == [32]
    assert (tmp_path / "serin.db.key").stat().st_mode & 0o777 == 0o600


def test_firestore_needs_a_key_of_its_own() -> None:
    with pytest.raises(InvalidSettings, match="SERIN_HASH_KEY: must be given"):
        installation_keys(Settings(store="firestore://p/(default)"))
