"""The configuration for Google Cloud: its form, its arguments, and the values that it comes to, which have to be what
Serin's settings and its scheduler expect.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import pytest

from functions.serve import FUNCTIONS
from infra.deploy.foundation import APIS
from shared.caller import make_gatekeeper
from shared.jobs.choice import PLACE, PREFIX
from shared.jobs.cloud_scheduler import Place
from shared.logs import Log
from shared.settings import clusters_of, installation_keys, read_settings
from tests.support.terraform import INFRA, TerraformError, rehearse, resources_of, terraform

if TYPE_CHECKING:
    from pathlib import Path

    from shared.json_types import Json, JsonObject
    from tests.support.terraform_schema import Schema

GOOGLE = INFRA / "google"
FILES = sorted(GOOGLE.rglob("*.tf"))
PEM = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
ANSWERS: Json = {
    "google_container_cluster": {
        "endpoint": "10.0.0.2",
        "master_auth": [{"cluster_ca_certificate": PEM}],
        "control_plane_endpoints_config": [
            {"dns_endpoint_config": [{"allow_external_traffic": True, "endpoint": "gke-1.europe-west1.gke.goog"}]}
        ],
    },
    "google_cloudfunctions2_function": {"service_config": [{"uri": "https://f.a.run.app"}]},
    "google_service_account": {"email": "sa@p.iam", "member": "serviceAccount:sa@p.iam", "name": "projects/p/sa"},
    "google_project_iam_custom_role": {"id": "projects/p/roles/serin_heartbeat"},
    "google_secret_manager_secret": {"id": "projects/p/secrets/s"},
    "google_vpc_access_connector": {"id": "projects/p/locations/l/connectors/serin"},
    "google_cloud_scheduler_job": {"id": "projects/p/locations/l/jobs/j"},
    "google_monitoring_alert_policy": {"id": "projects/p/alertPolicies/1"},
    "google_monitoring_notification_channel": {"id": "projects/p/notificationChannels/1"},
    "random_password": {"result": "r" * 48},
}
FORMED = {"SERIN_SLACK_TOKEN": "xoxb-of-the-test", "SERIN_SLACK_SIGNING_SECRETS": "8f742231b10e8888abcd99yyyzzz85a5"}
"""Secrets that have a form, where they are given."""
VARIABLES: Json = {
    "project": "example-project",
    "region": "europe-west1",
    "slack": True,
    "clusters": {
        "shop": {"location": "europe-west1"},
        "batch": {"membership": "projects/1/locations/global/gkeMemberships/batch", "project": "example-batch"},
        "lab": {"api": "https://10.1.0.2", "metrics_server": "https://prometheus.example"},
    },
}
pytestmark = pytest.mark.usefixtures("terraform_program")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> JsonObject:
    """All values of an installation with three kinds of clusters."""
    scratch = tmp_path_factory.mktemp("terraform")
    return rehearse("google", with_archive(VARIABLES, scratch), ANSWERS, scratch)


def with_archive(variables: Json, scratch: Path) -> JsonObject:
    (scratch / "functions.zip").write_bytes(b"code")
    return {**variables, "archive": str(scratch / "functions.zip")}


def of_type(planned: Json, kind: str) -> dict[str, Json]:
    """The values of each resource of a type, by its address."""
    return {address: values for address, values in planned.items() if f".{kind}." in f".{address}"}


def environment_of(planned: Json, name: str) -> dict[str, str]:
    """What a function finds in its environment; secrets as some text."""
    (found,) = (
        each for each in of_type(planned, "google_cloudfunctions2_function").values() if each["name"] == f"serin-{name}"
    )
    config = found["service_config"][0]
    secret = {
        each["key"]: FORMED.get(each["key"], "a-secret-of-the-test-alone")
        for each in config["secret_environment_variables"]
    }
    return {**config["environment_variables"], **secret}


def test_every_file_is_in_the_one_style() -> None:
    terraform(GOOGLE, "fmt", "-check", "-diff", "-recursive")


def test_every_argument_is_one_that_the_provider_takes(provider_schema: Schema) -> None:
    resources = [each for file in FILES for each in resources_of(file) if each.type.startswith("google_")]
    assert len(resources) > 20
    assert [problem for each in resources for problem in provider_schema.problems(each)] == []


def test_every_variable_and_output_says_what_it_is() -> None:
    blocks = re.compile(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
    silent = [
        f"{file.relative_to(GOOGLE)}: {name}"
        for file in FILES
        for name, body in blocks.findall(file.read_text())
        if not re.match(r"  description +=", body)
    ]
    assert silent == []


def test_every_variable_of_a_module_is_used() -> None:
    unused = []
    for file in GOOGLE.rglob("variables.tf"):
        rest = "".join(other.read_text() for other in file.parent.glob("*.tf") if other != file)
        declared = re.findall(r'^variable "(\w+)"', file.read_text(), re.MULTILINE)
        unused += [f"{file.relative_to(GOOGLE)}: {name}" for name in declared if f"var.{name}" not in rest]
    assert unused == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_starts_with_the_settings_that_it_is_given(planned: JsonObject, name: str) -> None:
    settings = read_settings(environment_of(planned, name))
    assert [cluster.name for cluster in clusters_of(settings)] == ["batch", "lab", "shop"]
    assert settings.store == "firestore://example-project/serin"
    assert PLACE.fullmatch(settings.scheduler)


@pytest.mark.parametrize("name", ["tick", "event"])
def test_functions_that_work_know_their_callers_and_have_the_key_for_hashes(planned: JsonObject, name: str) -> None:
    settings = read_settings(environment_of(planned, name))
    assert make_gatekeeper(settings, Log()).verifier is not None
    assert installation_keys(settings)
    jobs = of_type(planned, "google_cloud_scheduler_job").values()
    tokens = [job["http_target"][0]["oidc_token"][0] for job in jobs]
    assert {token["audience"] for token in tokens} == set(settings.audiences)
    assert {token["service_account_email"] for token in tokens} == set(settings.callers)


@pytest.mark.parametrize("name", ["webhook", "slack", "metrics"])
def test_functions_that_anybody_reaches_have_no_key_and_no_way_to_a_cluster(planned: JsonObject, name: str) -> None:
    assert "SERIN_HASH_KEY" not in environment_of(planned, name)
    doors = [
        address
        for address, values in of_type(planned, "google_project_iam_member").items()
        if values["role"] in ("roles/container.clusterViewer", "roles/gkehub.gatewayEditor", "roles/monitoring.viewer")
    ]
    assert doors
    assert [address for address in doors if f'"{name} ' in address] == []


def test_the_webhook_takes_either_secret_of_each_cluster_and_nobody_else_has_them(planned: JsonObject) -> None:
    functions = of_type(planned, "google_cloudfunctions2_function").values()
    files = {each["name"]: each["service_config"][0]["secret_volumes"] for each in functions}
    assert [name for name, volumes in files.items() if volumes] == ["serin-webhook"]
    mounted = {f"{volume['mount_path']}/{volume['versions'][0]['path']}" for volume in files["serin-webhook"]}
    clusters = clusters_of(read_settings(environment_of(planned, "webhook")))
    assert {path for cluster in clusters for path in cluster.webhook_secrets} == mounted
    assert all(len(cluster.webhook_secrets) == 2 for cluster in clusters)


def test_a_function_reads_the_secrets_that_it_is_given_and_no_others(tmp_path: Path) -> None:
    given = {"tick": {"SERIN_METRICS_PASSWORD": "prometheus-token"}}
    planned = rehearse("google", with_archive({**VARIABLES, "secrets": given}, tmp_path), ANSWERS, tmp_path)
    readers = of_type(planned, "google_secret_manager_secret_iam_member")
    by_function: dict[str, set[str]] = {}
    for address, values in readers.items():
        assert values["role"] == "roles/secretmanager.secretAccessor"
        by_function.setdefault(address.split('"')[1], set()).add(values["secret_id"].rpartition("serin-")[2])
    assert [name for name, secrets in by_function.items() if "prometheus-token" in secrets] == ["tick"]
    assert "slack" not in by_function
    assert set(by_function) == {"webhook", "event", "tick", "metrics"}


def test_every_api_is_on_that_a_resource_belongs_to(planned: JsonObject) -> None:
    owners = {
        "cloudfunctions2": "cloudfunctions",
        "cloud_run": "run",
        "cloud_scheduler": "cloudscheduler",
        "container": "container",
        "firestore": "firestore",
        "monitoring": "monitoring",
        "project_iam": "iam",
        "project_service": "serviceusage",
        "secret_manager": "secretmanager",
        "service_account": "iam",
        "storage": "storage",
        "vpc_access": "vpcaccess",
    }
    kinds = {each.type.removeprefix("google_") for file in FILES for each in resources_of(file)} - {"random_password"}
    wanted = {next(api for start, api in owners.items() if kind.startswith(start)) for kind in kinds}
    enabled = {each["service"].split(".")[0] for each in of_type(planned, "google_project_service").values()}
    before_terraform = {api.split(".")[0] for api in APIS}
    assert wanted - enabled - before_terraform == {"vpcaccess"}  # only with a network
    assert "connectgateway" in enabled


def test_alerts_wait_for_lines_that_serin_says(planned: JsonObject) -> None:
    code = "".join(file.read_text() for file in (INFRA.parent / "shared").rglob("*.py"))
    filters = [
        condition["condition_matched_log"][0]["filter"]
        for policy in of_type(planned, "google_monitoring_alert_policy").values()
        for condition in policy["conditions"]
    ]
    phrases = [phrase for text in filters for phrase in re.findall(r'jsonPayload\.msg=~"\^?([^"]+)"', text)]
    assert len(phrases) == 2
    assert [phrase for phrase in phrases if phrase not in code] == []


def test_jobs_are_called_as_serin_looks_for_them_and_say_what_the_tick_function_expects(planned: JsonObject) -> None:
    jobs = {job["name"]: job["http_target"][0] for job in of_type(planned, "google_cloud_scheduler_job").values()}
    place = Place("p", "l", PREFIX)
    assert {place.name_job(name).rpartition("/")[2] for name in ("shop", "batch", "lab")} < set(jobs)
    bodies = [json.loads(base64.b64decode(target["body"])) for target in jobs.values()]
    assert {(body["job"], body["cluster"]) for body in bodies} == {
        (job, name) for job in ("heartbeat", "sweep") for name in ("shop", "batch", "lab")
    }
    assert all(target["headers"] == {"Content-Type": "application/json"} for target in jobs.values())


def test_serin_alone_pauses_and_resumes_the_heartbeat() -> None:
    (job,) = (each for each in resources_of(GOOGLE / "modules/scheduler/main.tf"))
    assert job.body["lifecycle"][0]["ignore_changes"] == ["paused"]


def test_the_chart_is_given_what_it_needs_to_know(planned: JsonObject) -> None:
    outputs = planned["outputs"]
    assert set(outputs["chart_values"]) == {"shop", "batch", "lab"} == set(outputs["webhook_secrets"])
    assert outputs["webhook_secrets"]["shop"] == "serin-webhook-shop-a"


def test_indexes_are_those_of_the_store(planned: JsonObject) -> None:
    wanted = json.loads((INFRA / "firestore.indexes.json").read_text())
    made = of_type(planned, "google_firestore_index").values()
    assert sorted([field["field_path"] for field in index["fields"]] for index in made) == sorted(
        [field["fieldPath"] for field in index["fields"]] for index in wanted["indexes"]
    )


def test_the_days_of_the_history_are_told_to_who_writes_it(tmp_path: Path) -> None:
    variables = with_archive({**VARIABLES, "history_days": 90}, tmp_path)
    planned = rehearse("google", variables, ANSWERS, tmp_path)
    days = {name: read_settings(environment_of(planned, name)).history_days for name in FUNCTIONS}
    assert set(days.values()) == {90}


def test_the_history_is_kept_for_ever_unless_somebody_says_how_long(planned: JsonObject) -> None:
    assert read_settings(environment_of(planned, "tick")).history_days is None


@pytest.mark.parametrize("example", ["one-cluster", "three-clusters"])
def test_the_examples_come_to_an_installation(example: str, tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "serin-functions.zip").write_bytes(b"code")
    variables = {"project": "example-project"} | ({"fleet_number": "1"} if example == "three-clusters" else {})
    planned = rehearse(f"google/examples/{example}", variables, ANSWERS, tmp_path)
    assert planned["outputs"]["urls"]["tick"] == "https://f.a.run.app"
    deployed = [each["name"] for each in of_type(planned, "google_cloudfunctions2_function").values()]
    assert "serin-tick" in deployed
    for name in deployed:
        assert clusters_of(read_settings(environment_of(planned, name.removeprefix("serin-"))))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"region": "Europe"}, "A region looks like"),
        ({"project": "P"}, "A project's id has"),
        ({"clusters": {}}, "at least one cluster"),
        ({"clusters": {"shop": {}}}, "location, api and membership"),
        ({"clusters": {"a:b": {"location": "x"}}}, "A cluster's name has"),
        ({"network": {"network": "default"}}, "needs both network and range"),
        ({"network": {"network": "default", "range": "10.0.0.0/24"}}, "must be a /28"),
        ({"settings": {"STORE": "x"}}, "starts with SERIN_"),
        ({"secrets": {"tack": {}}}, "no such function"),
        ({"alerts": ["loud"]}, "no such alert"),
        ({"webhook_slot": "c"}, "The slot is a or b"),
        ({"runtime": "python27"}, "Serin runs on"),
        ({"tick_instances": 0}, "1 to 100"),
        ({"history_days": 0.5}, "a whole number of days"),
        ({"database": "DB"}, "A database's name has"),
        ({"archive": "nowhere.zip"}, "make package"),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_with_words(change: Json, said: str, tmp_path: Path) -> None:
    with pytest.raises(TerraformError) as error:
        rehearse("google", {**with_archive(VARIABLES, tmp_path), **change}, ANSWERS, tmp_path)
    assert said in " ".join(str(error.value).split())
