"""Several clusters: what SERIN_CLUSTERS may say, and the arithmetic of asking a cluster no more than it bears."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clusters.callers import read_webhook_secrets
from shared.clusters.limits import Breaker, Bucket
from shared.clusters.registry import (
    Allowance,
    ByGoogle,
    ByKubeconfig,
    ByKubeconfigSecret,
    ByTokenFile,
    Cluster,
    InCluster,
    parse_clusters,
)
from shared.clusters.sources import in_cluster
from shared.errors import ClusterUnavailable, InvalidSettings
from shared.identity.path_secret import cluster_of
from shared.settings import Settings, clusters_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shared.json_types import Json

API = "https://10.0.0.2"
SECRET = "projects/p/secrets/prod/versions/latest"
HOOK = "a-webhook-secret-of-one-cluster"


def parse(clusters: Mapping[str, Json]) -> tuple[Cluster, ...]:
    """Clusters from an object."""
    return parse_clusters(json.dumps(clusters))


def problems_of(text: str) -> list[str]:
    """What is wrong with a text."""
    with pytest.raises(InvalidSettings) as error:
        parse_clusters(text)
    return [str(problem) for problem in error.value.problems]


def test_every_kind_of_credentials_and_every_choice_is_read() -> None:
    assert parse(
        {
            "gke": {
                "api": API,
                "ca": "/ca.pem",
                "credentials": {"google": True},
                "metricsServer": "https://prom",
                "requestsPerSecond": 2.5,
                "burst": 5,
                "webhookSecrets": [HOOK, "/etc/hook"],
            },
            "projected": {"api": API, "credentials": {"tokenFile": "/token"}},
            "file": {"credentials": {"kubeconfig": "/kube", "context": "b"}},
            "secret": {"credentials": {"kubeconfigSecret": SECRET}},
            "here": {"credentials": {"inCluster": True}},
        }
    ) == (
        Cluster("gke", ByGoogle(), API, "/ca.pem", "https://prom", Allowance(2.5, 5), (HOOK, "/etc/hook")),
        Cluster("projected", ByTokenFile("/token"), API),
        Cluster("file", ByKubeconfig("/kube", "b")),
        Cluster("secret", ByKubeconfigSecret(SECRET)),
        Cluster("here", InCluster()),
    )


def test_every_problem_of_every_cluster_is_named_by_its_path_at_once() -> None:
    token = {"tokenFile": "/t"}
    assert problems_of(
        json.dumps(
            {
                "a": {"api": "http://10.0.0.2", "credentials": token, "burst": 0, "requestsPerSecond": "fast"},
                "b": {"credentials": {"google": False}, "requestsPerSecond": 0, "metricsServer": "prom:9090"},
                "c": {"api": API, "credentials": {"kubeconfig": "/k", "kubeconfigSecret": SECRET}, "webhokSecrets": []},
                "d": {"api": API, "ca": "/ca", "credentials": {"inCluster": True}, "webhookSecrets": ["short"]},
                "e": {"credentials": {"kubeconfigSecret": "prod", "contxt": "x"}},
                "f": {"api": API, "credentials": {"vault": "x"}},
                "g": {"api": API},
                "h": 5,
                "i/j": {"api": "https://u:p@h", "credentials": token, "ca": "-----BEGIN CERTIFICATE-----\nx"},
            }
        )
    ) == [
        "SERIN_CLUSTERS.a.api: must be an https URL: a token would go over the wire in clear",
        'SERIN_CLUSTERS.a.requestsPerSecond: must be a number, not "fast"',
        "SERIN_CLUSTERS.a.burst: must be a whole number of at least 1, not 0",
        "SERIN_CLUSTERS.b.credentials.google: must be true, not false",
        "SERIN_CLUSTERS.b.api: is required",
        "SERIN_CLUSTERS.b.metricsServer: must be an http or https URL",
        "SERIN_CLUSTERS.b.requestsPerSecond: must be above 0 and up to 1000, not 0.0",
        (
            "SERIN_CLUSTERS.c.webhokSecrets: is not known here; there are api, ca, credentials, metricsServer, "
            "requestsPerSecond, burst, webhookSecrets"
        ),
        (
            "SERIN_CLUSTERS.c.credentials: must have one of google, tokenFile, kubeconfig, kubeconfigSecret, "
            "inCluster, not kubeconfig and kubeconfigSecret"
        ),
        "SERIN_CLUSTERS.d.api: must be left out: inCluster says it",
        "SERIN_CLUSTERS.d.ca: must be left out: inCluster says it",
        (
            "SERIN_CLUSTERS.d.webhookSecrets[0]: must be the path of a file (with a slash in it), or at least 24 "
            "letters, digits and -._~"
        ),
        "SERIN_CLUSTERS.e.credentials.contxt: is not known here; there are kubeconfigSecret, context",
        (
            "SERIN_CLUSTERS.e.credentials.kubeconfigSecret: must be projects/PROJECT/secrets/SECRET/versions/VERSION, "
            "as in .../versions/latest"
        ),
        (
            "SERIN_CLUSTERS.f.credentials: must have one of google, tokenFile, kubeconfig, kubeconfigSecret, "
            "inCluster, not none"
        ),
        (
            "SERIN_CLUSTERS.f.credentials.vault: is not known here; there are google, tokenFile, kubeconfig, "
            "kubeconfigSecret, inCluster, context"
        ),
        "SERIN_CLUSTERS.g.credentials: is required",
        "SERIN_CLUSTERS.h: must be an object, not 5",
        "SERIN_CLUSTERS.i/j: must hold neither a colon nor a slash",
        "SERIN_CLUSTERS.i/j.api: must have neither credentials nor a query",
        "SERIN_CLUSTERS.i/j.ca: must hold certificates as PEM text",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes, line 1, column 2"),
        ("{}", 'must be an object with at least one cluster, {"NAME": {...}}'),
        ("[1]", 'must be an object with at least one cluster, {"NAME": {...}}'),
        (
            '{"a": {"credentials": {"inCluster": true}}, "a": {"credentials": {"inCluster": true}}}',
            'gives "a" twice in one object',
        ),
    ],
)
def test_a_text_that_names_no_clusters_is_refused(text: str, problem: str) -> None:
    assert problems_of(text) == [f"SERIN_CLUSTERS: {problem}"]


def test_a_token_goes_in_clear_over_loopback_alone() -> None:
    assert parse({"a": {"api": "http://127.0.0.1:8001", "credentials": {"tokenFile": "/t"}}})


def test_one_secret_never_stands_for_two_clusters_and_is_never_repeated() -> None:
    here = {"credentials": {"inCluster": True}, "webhookSecrets": [HOOK]}
    wrong = {"credentials": {"inCluster": True}, "webhookSecrets": ["hunter2!"]}
    text = json.dumps({"a": here, "b": here, "c": wrong})
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_CLUSTERS": text})
    assert "SERIN_CLUSTERS.b.webhookSecrets[0]: must differ from SERIN_CLUSTERS.a.webhookSecrets[0]" in str(error.value)
    assert HOOK not in str(error.value)
    assert "hunter2!" not in str(error.value)
    assert HOOK not in repr(read_settings({"SERIN_CLUSTERS": json.dumps({"a": here})}))


def test_settings_take_clusters_inline_or_from_a_file_and_name_their_problems_with_the_others(tmp_path: Path) -> None:
    text = json.dumps({"a": {"credentials": {"inCluster": True}}})
    (tmp_path / "clusters.json").write_text(text)
    inline = read_settings({"SERIN_CLUSTERS": text})
    assert clusters_of(inline) == (Cluster("a", InCluster()),)
    assert read_settings({"SERIN_CLUSTERS": f"{tmp_path}/clusters.json"}) == inline
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_CLUSTERS": '{"a": {}, "b": {}}', "SERIN_KUBECONFIG": "/nowhere", "SERIN_CLUSTER": "x"})
    assert {problem.path for problem in error.value.problems} == {
        "SERIN_CLUSTERS.a.credentials",
        "SERIN_CLUSTERS.b.credentials",
        "SERIN_KUBECONFIG",
        "SERIN_CLUSTER",
    }
    with pytest.raises(InvalidSettings, match="or the path of a file that holds one"):
        read_settings({"SERIN_CLUSTERS": f"{tmp_path}/nothing.json"})


def test_without_clusters_there_is_the_one_of_the_older_settings() -> None:
    assert [(each.name, each.credentials) for each in clusters_of(Settings())] == [("default", InCluster())]
    one = clusters_of(Settings(cluster="prod", kubeconfig="/k", webhook_secrets=(HOOK,)))[0]
    assert (one.name, one.credentials, one.webhook_secrets) == ("prod", ByKubeconfig("/k"), (HOOK,))


def test_a_webhook_secret_in_a_file_can_be_replaced_and_a_missing_file_concerns_its_cluster_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "hook"
    clusters = (
        Cluster("a", InCluster(), webhook_secrets=(str(file), HOOK)),
        Cluster("b", InCluster(), webhook_secrets=("/nowhere/hook",)),
        Cluster("c", InCluster()),
    )
    file.write_text("the-first-secret-of-cluster-a\n")
    first, problems = read_webhook_secrets(clusters)
    assert cluster_of("/hook/the-first-secret-of-cluster-a", first) == "a"
    assert [str(each) for each in problems] == [
        "SERIN_CLUSTERS.b.webhookSecrets: /nowhere/hook cannot be read (FileNotFoundError)"
    ]
    file.write_text("another-secret-of-cluster-a")
    second, _ = read_webhook_secrets(clusters)
    assert cluster_of("/hook/the-first-secret-of-cluster-a", second) is None
    assert cluster_of("/hook/another-secret-of-cluster-a", second) == "a"
    assert cluster_of(f"/hook/{HOOK}", second) == "a"


def test_in_cluster_reads_what_every_pod_is_given(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    connection = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)
    assert connection.place.host == "https://[fd00::1]:443"
    assert connection.place.ca_file == str(tmp_path / "ca.crt")
    assert connection.authorization() == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    assert connection.authorization() == "Bearer second"
    with pytest.raises(ClusterUnavailable, match="does not run in a cluster"):
        in_cluster({}, tmp_path)


@given(
    st.floats(0.5, 500),
    st.integers(1, 50),
    st.lists(st.floats(0, 0.5), max_size=150),
    st.floats(0, 5),
)
def test_no_span_of_time_has_more_requests_than_allowed(
    rate: float, burst: int, pauses: list[float], patience: float
) -> None:
    bucket, now, turns = Bucket(Allowance(rate, burst), 0.0), 0.0, []
    for pause in pauses:
        now += pause
        wait = bucket.take(now, patience)
        if wait is not None:
            assert 0 <= wait <= patience
            turns.append(now + wait)
    assert turns == sorted(turns)
    for first in range(len(turns)):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + rate * (turns[last] - turns[first]) + 1e-6


def test_a_request_that_would_wait_too_long_takes_no_turn() -> None:
    bucket = Bucket(Allowance(per_second=2.0, burst=1), 0.0)
    waits = [bucket.take(0.0, patience=0.6) for _ in range(4)]
    assert waits == [0.0, 0.5, None, None]
    assert bucket.take(0.5, patience=0.6) == pytest.approx(0.5)


def test_after_failures_in_a_row_nothing_goes_out_until_one_try_succeeds() -> None:
    breaker = Breaker(failures=3, pause=10.0)
    for now in (0.0, 1.0, 2.0):
        assert breaker.admit(now)
        breaker.failed(now)
    assert not breaker.admit(11.9)
    assert [breaker.admit(12.0), breaker.admit(12.0), breaker.admit(21.9)] == [True, False, False]
    breaker.failed(15.0)
    assert not breaker.admit(24.9)
    assert breaker.admit(25.0)
    breaker.succeeded()
    assert breaker.admit(25.0)
    assert breaker.admit(25.0)


def test_an_answer_between_failures_starts_the_count_again() -> None:
    breaker = Breaker(failures=2, pause=10.0)
    breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(1.0)
    assert breaker.admit(1.0)


def test_a_try_whose_end_is_never_told_does_not_close_the_way_for_ever() -> None:
    breaker = Breaker(failures=1, pause=10.0)
    breaker.failed(0.0)
    assert breaker.admit(10.0)
    assert not breaker.admit(19.9)
    assert breaker.admit(20.0)
