"""charts/serin renders what the API server accepts in both modes, and has the cluster call for what concerns Serin."""

from __future__ import annotations

import base64
import json
import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from shared.cluster.kinds import Kind
from shared.cluster.rights import RULES
from tests.support.charts import refusals, untried
from tests.support.helm import CHARTS, Helm, HelmError
from tests.support.hosted import OF_SERIN
from tests.support.installed import rights_of
from tests.support.podinfo import deployment
from tests.support.waiting import eventually
from tests.support.web import WebServer, certificate_in, make_certificate, reply
from tests.support.wire import daemon_set

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from tests.support.real_cluster import RealCluster

CHART = CHARTS / "serin"
SECRET = "a-secret-of-the-tests-alone"
HOSTED: JsonObject = {"image": {"repository": "serin"}}
CLOUD: JsonObject = {
    "mode": "cloud",
    "cloud": {
        "users": ["tick@p.iam.gserviceaccount.com", "event@p.iam.gserviceaccount.com"],
        "webhookUrl": "https://europe-west1-p.example.com/webhook",
    },
    "webhook": {"secret": SECRET},
}
OWN_NAMES: JsonObject = {
    "nameOverride": "bird",
    "fullnameOverride": "birds",
    "image": {"repository": "example/serin", "tag": "1.2.3", "pullPolicy": "Always", "pullSecrets": ["pull"]},
    "cloud": {"eventUrl": "https://europe-west1-p.example.com/event"},
    "loop": {"beat": 5, "sweep": 60},
    "persistence": {"size": "2Gi", "storageClass": "fast"},
    "serviceAccount": {"name": "birds", "annotations": {"a": "b"}},
    "rbac": {"externalMetrics": True},
    "webhook": {
        "secret": SECRET,
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "namespaceSelector": {"matchLabels": {"team": "shop"}},
        "annotations": {"a": "b"},
    },
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
}
"""Everything that has a default, otherwise."""

OWN_OBJECTS: JsonObject = {
    "cloud": {"users": []},
    "persistence": {"existingClaim": "mine"},
    "serviceAccount": {"create": False, "name": "mine"},
    "rbac": {"create": False},
    "webhook": {"tlsSecret": "mine"},
}
"""Whatever can be there already is."""

WRONG: tuple[tuple[JsonObject, str], ...] = (
    ({"mode": "hybrid"}, "mode"),
    ({"rabc": {}}, "rabc"),
    ({"webhook": {"secret": "short"}}, "secret"),
    ({"webhook": {"secret": "Of-Capital-Letters-And-More"}}, "secret"),
    ({"webhook": {"failurePolicy": "fail"}}, "failurePolicy"),
    ({"rbac": {"namespaces": ["a b"]}}, "namespaces"),
    ({"settings": {"METRICS_SERVER": "http://x"}}, "METRICS_SERVER"),
    ({"settings": {"SERIN_WEBHOOK_SECRETS": SECRET}}, "SERIN_WEBHOOK_SECRETS"),
    ({"events": {"enabled": True}}, "sink"),
    ({**CLOUD, "cloud": {"webhookUrl": "http://plain.example.com"}}, "webhookUrl"),
)
MISSING: tuple[tuple[JsonObject, str], ...] = (
    ({"image": {"repository": ""}}, "image.repository"),
    ({**CLOUD, "webhook": {"secret": ""}}, "webhook.secret"),
    ({**CLOUD, "cloud": {"webhookUrl": ""}}, "cloud.webhookUrl"),
)


def matrix(authority: str) -> Iterator[JsonObject]:
    """Both modes with every combination of their switches, and with all other values set."""
    events = {"enabled": True, "sink": {"uri": "https://sink.example.com"}, "secrets": True}
    for hosted, webhook, limited, everything in product((True, False), repeat=4):
        base = HOSTED if hosted else CLOUD
        values = {**base, "webhook": {**base.get("webhook", {}), "enabled": webhook}}
        values["rbac"] = {"namespaces": ["default", "kube-public"] if limited else []}
        if everything:
            values |= {"persistence": {"enabled": False}, "settings": {"SERIN_CONCURRENCY": 4}, "settingsFrom": "more"}
            values |= {"events": events, "podLabels": {"team": "platform"}, "podAnnotations": {"a": "b"}}
            values |= {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]}
            values |= {"affinity": {"podAntiAffinity": {}}}
        yield values
    for base, more in product((HOSTED, CLOUD), (OWN_NAMES, OWN_OBJECTS)):
        merged = {name: {**base.get(name, {}), **more.get(name, {})} for name in ("image", "webhook", "cloud")}
        yield {**base, **more, **merged, "webhook": {**merged["webhook"], "caBundle": authority}}


def kinds(rendered: list[JsonObject], kind: str) -> list[JsonObject]:
    """The rendered objects of one kind."""
    return [obj for obj in rendered if obj["kind"] == kind]


def test_in_both_modes_the_api_server_has_nothing_against_it(
    helm: Helm, real_cluster: RealCluster, real_namespace: str, tmp_path: Path
) -> None:
    rows = list(matrix(base64.b64encode(certificate_in(make_certificate(tmp_path / "ca.pem"))).decode()))
    assert untried(CHART, rows) == []
    found = {}
    for values in rows:
        helm.lint(CHART, values)
        rendered = helm.template("serin", CHART, real_namespace, values)
        known = [obj for obj in rendered if obj["kind"] != "ApiServerSource"]  # Knative is not there
        assert len(rendered) - len(known) == ("events" in values)
        found[str(values)] = refusals(real_cluster, known, real_namespace)
    assert not {values: said for values, said in found.items() if said}


@pytest.mark.parametrize(("values", "named"), WRONG, ids=[named for _, named in WRONG])
def test_a_value_that_is_none_is_refused_by_its_name(helm: Helm, values: JsonObject, named: str) -> None:
    with pytest.raises(HelmError, match=rf"(?s)don't meet the specifications of the schema.*{named}"):
        helm.template("serin", CHART, values={**HOSTED, **values})


@pytest.mark.parametrize(("values", "named"), MISSING, ids=[named for _, named in MISSING])
def test_what_only_the_user_can_know_is_asked_for(helm: Helm, values: JsonObject, named: str) -> None:
    with pytest.raises(HelmError, match=f"{named}: give the"):
        helm.template("serin", CHART, values=values)


def test_in_the_cloud_the_rights_are_those_of_a_user_and_nothing_runs_here(helm: Helm) -> None:
    rendered = helm.template("serin", CHART, "serin-system", CLOUD)
    assert {obj["kind"] for obj in rendered} == {"ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration"}
    (binding,) = kinds(rendered, "ClusterRoleBinding")
    assert [(subject["kind"], subject["name"]) for subject in binding["subjects"]] == [
        ("User", name) for name in CLOUD["cloud"]["users"]
    ]
    without = helm.template("serin", CHART, "serin-system", {**CLOUD, "cloud": {**CLOUD["cloud"], "users": []}})
    (binding,) = kinds(without, "ClusterRoleBinding")
    assert [subject["kind"] for subject in binding["subjects"]] == ["ServiceAccount"]
    assert kinds(without, "ServiceAccount")


def test_what_terraform_puts_out_are_values_of_the_chart(helm: Helm) -> None:
    outputs = (CHARTS.parent / "infra/google/outputs.tf").read_text()
    (cloud,) = re.findall(r"cloud = \{\n(.*?)\n\s*\}", outputs, re.DOTALL)
    given = re.findall(r"^\s*(\w+)\s+=", cloud, re.MULTILINE)
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(given) == set(schema["properties"]["cloud"]["properties"])


def test_every_kind_that_serin_can_ask_for_is_in_its_rights(helm: Helm) -> None:
    (role,) = kinds(helm.template("serin", CHART, values=HOSTED), "ClusterRole")
    assert {resource.partition("/")[0] for resource, _ in rights_of(role)} == {kind.value[1] for kind in Kind}


def test_the_rights_that_the_doctor_looks_for_are_those_that_the_chart_gives(helm: Helm) -> None:
    (role,) = kinds(helm.template("serin", CHART, values=HOSTED), "ClusterRole")
    given = {
        (group, resource, verb)
        for rule in role["rules"]
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }
    assert {(rule.group, rule.resource, verb) for rule in RULES for verb in rule.verbs} == given


def test_nothing_that_serin_is_for_can_be_stopped_by_it(helm: Helm) -> None:
    (found,) = kinds(helm.template("serin", CHART, values=HOSTED), "ValidatingWebhookConfiguration")
    assert {hook["name"]: hook["failurePolicy"] for hook in found["webhooks"]} == {
        "canaries.serin.dev": "Ignore",
        "changes.serin.dev": "Ignore",
    }
    strict = {**HOSTED, "webhook": {"failurePolicy": "Fail"}}
    (found,) = kinds(helm.template("serin", CHART, values=strict), "ValidatingWebhookConfiguration")
    judges, tells = found["webhooks"]
    assert (judges["failurePolicy"], tells["failurePolicy"]) == ("Fail", "Ignore")
    assert "DELETE" not in judges["rules"][0]["operations"]
    assert all(hook["timeoutSeconds"] <= 3 for hook in found["webhooks"])


def test_the_cluster_calls_for_changes_of_the_apps_and_for_nobody_elses(
    helm: Helm, real_cluster: RealCluster, real_namespace: str, tmp_path: Path
) -> None:
    pem = make_certificate(tmp_path / "webhook.pem")
    authority = certificate_in(pem)
    with WebServer(reply(500), pem=pem) as server:
        values = {
            "mode": "cloud",
            "cloud": {"users": ["nobody", "serin"], "webhookUrl": f"{server.url}/webhook"},
            "webhook": {
                "secret": SECRET,
                "caBundle": base64.b64encode(authority).decode(),
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": real_namespace}},
            },
        }
        helm.at(real_cluster).install("serin", CHART, real_namespace, values)
        try:
            eventually("the API server calls", lambda: called(server, real_cluster, real_namespace, "first"))
            change_all(real_cluster, real_namespace)
        finally:
            helm.at(real_cluster).uninstall("serin", real_namespace)
    assert {request.path.partition("?")[0] for request in server.requests} == {f"/webhook/{SECRET}"}
    asked = [json.loads(request.body)["request"] for request in server.requests]
    told = {
        (each["operation"], each["resource"]["resource"], each["name"], each["userInfo"]["username"]) for each in asked
    }
    by_people = {(operation, kind, name) for operation, kind, name, user in told if user != "controllers"}
    assert by_people - {("CREATE", "configmaps", "first")} == {
        ("CREATE", "daemonsets", "agent"),
        ("CREATE", "deployments", "app"),
        ("CREATE", "configmaps", "config"),
        ("CREATE", "services", "api"),
        ("CREATE", "secrets", "password"),
        ("DELETE", "secrets", "password"),
    }


def called(server: WebServer, cluster: RealCluster, namespace: str, name: str) -> bool:
    """Whether the API server has told of a ConfigMap that is made here."""
    cluster.api.create(f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All", {"metadata": {"name": name}})
    return bool(server.requests)


def change_all(cluster: RealCluster, namespace: str) -> None:
    """What a user does, what Helm does, and what Serin does."""
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    cluster.api.create(f"{apps}/deployments", deployment("app", replicas=0))
    cluster.api.create(f"{apps}/daemonsets", daemon_set("agent"))
    cluster.api.create(f"{core}/configmaps", {"metadata": {"name": "config"}})
    cluster.api.create(f"{core}/services", {"metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}]}})
    cluster.api.create(f"{core}/secrets", {"metadata": {"name": "password"}})
    cluster.api.delete(f"{core}/secrets/password")
    cluster.api.create(f"{core}/secrets", {"metadata": {"name": "sh.helm"}, "type": "helm.sh/release.v1"})
    cluster.api.delete(f"{core}/secrets/sh.helm")
    cluster.api_of_serin.create(f"{core}/configmaps", {"metadata": {"name": "of-serin"}})


def test_the_image_and_the_chart_agree_on_user_ports_state_and_command(helm: Helm) -> None:
    (found,) = kinds(helm.template("serin", CHART, values=HOSTED), "Deployment")
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    user, group = OF_SERIN.instructions("USER")[0].split(":")
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user), int(group))
    assert [str(port["containerPort"]) for port in container["ports"]] == OF_SERIN.instructions("EXPOSE")[0].split()
    assert OF_SERIN.instructions("VOLUME")[0] in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert json.loads(OF_SERIN.instructions("CMD")[0])[:3] == container["command"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert {name: OF_SERIN.variables()[name] for name in ("HOME", "SERIN_STORE")}.items() <= variables.items()
