"""What the doctor says of an environment: every wrong setting, every gap, and it goes on without the wrong ones."""

from __future__ import annotations

import pytest

from shared.doctor.finding import Verdict
from shared.doctor.settings import examine_settings

GOOD = {"SERIN_WEBHOOK_SECRETS": "a-secret-of-the-tests-alone", "SERIN_METRICS_SERVER": "http://prometheus:9090"}


def told(environment: dict[str, str], verdict: Verdict = Verdict.BAD) -> list[str]:
    _, found = examine_settings(environment)
    return [each.subject for each in found if each.verdict is verdict]


def test_a_good_environment_has_nothing_to_complain_of() -> None:
    assert told(GOOD) == told(GOOD, Verdict.WARNING) == []


def test_every_wrong_setting_is_a_row_and_the_right_ones_are_used() -> None:
    wrong = {**GOOD, "SERIN_CONCURRENCY": "900", "SERIN_METRICS_AUTH": "digest", "SERIN_TYPO": "1"}
    settings, _ = examine_settings(wrong)
    assert told(wrong) == ["SERIN_METRICS_AUTH", "SERIN_CONCURRENCY", "SERIN_TYPO"]
    assert settings.metrics_server == "http://prometheus:9090"
    assert settings.concurrency == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"SERIN_CLUSTERS": '{"eu": {"credentials": {}}}'},
        {"SERIN_CLUSTERS": "{", "SERIN_CLUSTER": "eu"},
        {"SERIN_SLACK_TOKEN": "xoxb-1"},
        {"SERIN_SLACK_URL": "https://hooks.slack.com/x"},
        {"SERIN_SLACK_ROLES": '{"S01234567": {"abort": ["*"]}}'},
    ],
    ids=str,
)
def test_what_is_wrong_in_a_setting_costs_that_setting_alone(wrong: dict[str, str]) -> None:
    settings, found = examine_settings({"SERIN_METRICS_SERVER": "http://prometheus:9090", **wrong})
    assert any(each.verdict is Verdict.BAD for each in found)
    assert settings.metrics_server == "http://prometheus:9090"


@pytest.mark.parametrize(
    ("environment", "subject"),
    [
        ({"SERIN_STORE": "firestore://p/d"}, "SERIN_HASH_KEY"),
        ({"SERIN_CALLERS": "a@p.iam.gserviceaccount.com"}, "SERIN_AUDIENCES"),
        ({"SERIN_SCHEDULER": "projects/p/locations/l"}, "SERIN_CALLERS"),
        ({"SERIN_METRICS_AUTH": "bearer"}, "SERIN_METRICS_PASSWORD"),
        ({"SERIN_SLACK_ROLES": '{"*": {"abort": ["*"]}}'}, "SERIN_SLACK_SIGNING_SECRETS"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_together_are_found(environment: dict[str, str], subject: str) -> None:
    assert subject in told({**GOOD, **environment})


def test_an_installation_without_webhook_secrets_is_warned_of_each_cluster() -> None:
    assert told({}, Verdict.WARNING) == ["SERIN_WEBHOOK_SECRETS"]
    clusters = '{"eu": {"credentials": {"inCluster": true}}, "us": {"credentials": {"kubeconfig": "/k"}}}'
    assert told({"SERIN_CLUSTERS": clusters}, Verdict.WARNING) == [
        "SERIN_CLUSTERS.eu.webhookSecrets",
        "SERIN_CLUSTERS.us.webhookSecrets",
    ]


def test_a_secret_is_never_repeated() -> None:
    secret = "xoxb-not-to-be-seen,"
    _, found = examine_settings(
        {"SERIN_SLACK_TOKEN": secret, "SERIN_HASH_KEY": "short-key", "SERIN_SLACK_CHANNEL": "C0SHOP"}
    )
    assert "not-to-be-seen" not in repr(found)
    assert "short-key" not in repr(found)
