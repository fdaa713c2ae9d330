"""What a Canary's author writes, and what is made of it or said about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from shared.canary import parse_canary, warnings
from shared.canary.durations import parse_duration, parse_template_window, parse_window
from shared.canary.model import (
    Analysis,
    AutoscalerRef,
    Bounds,
    Canary,
    Comparison,
    Hook,
    HookType,
    Metadata,
    Metric,
    ObjectRef,
    OnNoData,
    Provider,
    Service,
    SessionAffinity,
    TemplateRef,
)
from shared.errors import InvalidCanary, Problem
from tests.support.manifests import everything_else, good
from tests.support.paths import REMOVED, edit

if TYPE_CHECKING:
    from shared.json_types import JsonObject

PODINFO = Canary(
    namespace="test",
    name="podinfo",
    uid="",
    generation=0,
    api_version="flagger.app/v1beta1",
    target=ObjectRef("apps/v1", "Deployment", "podinfo"),
    service=Service(name="podinfo", port=9898, target_port="http", port_discovery=True),
    analysis=Analysis(
        interval=60.0,
        threshold=5,
        max_weight=50,
        step_weight=10,
        metrics=(
            Metric("request-success-rate", "1m", Bounds(min=99.0), builtin="request-success-rate"),
            Metric("request-duration", "30s", Bounds(max=500.0), builtin="request-duration"),
        ),
        hooks=(
            Hook(
                "load-test",
                "http://flagger-loadtester.test/",
                timeout=5.0,
                metadata={"cmd": "hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/"},
            ),
        ),
    ),
    autoscaler=AutoscalerRef(ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "podinfo"), 2, 5),
    progress_deadline=60.0,
)


def test_the_tutorials_canary_is_read_whole() -> None:
    assert parse_canary(good("podinfo")) == PODINFO


def test_what_the_api_server_adds_is_read_too() -> None:
    added = {
        "metadata.uid": "8a1c",
        "metadata.generation": 7,
        "metadata.creationTimestamp": "2026-11-23T12:00:00Z",
        "status": {"phase": "Succeeded"},
    }
    canary = parse_canary(edit(good("podinfo"), added))
    assert (canary.uid, canary.generation, canary.created) == ("8a1c", 7, "2026-11-23T12:00:00Z")


def test_the_names_of_flagger_0_6_mean_what_they_meant() -> None:
    canary = parse_canary(good("flagger-0.6"))
    assert canary.api_version == "flagger.app/v1alpha3"
    assert canary.service.gateways == ("public-gateway.istio-system.svc.cluster.local",)
    assert canary.service.hosts == ("app.example.com",)
    assert canary.analysis.step_weight == 5
    assert canary.analysis.metrics == (
        Metric("istio_requests_total", "1m", Bounds(min=99.0), builtin="request-success-rate"),
        Metric("istio_request_duration_seconds_bucket", "30s", Bounds(max=500.0), builtin="request-duration"),
    )
    assert canary.analysis.hooks[0].timeout == 60.0


def test_an_old_name_with_a_query_is_a_metric_of_its_authors_own() -> None:
    query = {"spec.canaryAnalysis.metrics[0].query": "vector(1)"}
    metric = parse_canary(edit(good("flagger-0.6"), query)).analysis.metrics[0]
    assert metric == Metric("istio_requests_total", "1m", Bounds(max=99.0), query="vector(1)")


def test_istios_own_parts_pass_through_as_they_are() -> None:
    manifest = good("istio")
    written, service = manifest["spec"]["service"], parse_canary(manifest).service
    assert list(service.match) == written["match"]
    assert service.rewrite == written["rewrite"]
    assert service.retries == written["retries"]
    assert service.headers == written["headers"]
    assert service.cors_policy == written["corsPolicy"]
    assert service.traffic_policy == written["trafficPolicy"]
    assert (service.name, service.port_name, service.target_port) == ("shop", "http-web", 8080)
    assert (service.app_protocol, service.traffic_distribution, service.timeout) == ("http", "PreferClose", "1.5s")
    assert service.apex == Metadata(labels={"team": "shop"}, annotations={"example.com/owner": "shop"})


def test_free_steps_and_fractional_bounds_are_read() -> None:
    canary = parse_canary(good("istio"))
    analysis = canary.analysis
    assert canary.metrics_server == "http://prometheus.istio-system:9090"
    assert (analysis.interval, analysis.step_weights, analysis.step_weight_promotion) == (90.0, (1, 2, 10, 80), 20)
    assert (analysis.step_weight, analysis.max_weight) == (0, 80)
    assert (analysis.primary_ready_threshold, analysis.canary_ready_threshold, analysis.max_unknown) == (50, 0, 4)
    rate, custom, orders, slow = analysis.metrics
    assert (rate.bounds, rate.interval, rate.on_no_data) == (Bounds(min=99.5), "1m", OnNoData.HOLD)
    assert (custom.bounds, custom.interval, custom.builtin) == (Bounds(max=0.75), "1h", None)
    assert custom.query is not None
    assert custom.query.startswith("100 - sum(")
    assert orders.comparison is not None
    assert (orders.comparison.minimum_samples, orders.comparison.max_wait) == (1000, 3600.0)
    assert slow.comparison == Comparison(slower_than=250.0)
    hook = analysis.hooks[0]
    assert (hook.timeout, hook.retries, hook.disable_tls) == (90.0, 2, True)


@pytest.mark.parametrize("kind", HookType)
def test_every_type_of_hook_is_read(kind: HookType) -> None:
    (hook,) = parse_canary(edit(good("podinfo"), {f"{HOOK}.type": kind, f"{HOOK}.muteAlert": True})).analysis.hooks
    assert (hook.type, hook.mute_alert) == (kind, True)


def test_a_delegate_has_no_hosts_and_no_gateways() -> None:
    canary = parse_canary(good("delegate"))
    assert (canary.service.delegation, canary.service.headless, canary.service.hosts) == (True, True, ())
    assert (canary.suspend, canary.skip_analysis, canary.analysis.interval) == (True, True, 3600.0)


def test_of_both_spellings_analysis_wins() -> None:
    analysis = parse_canary(good("both-spellings")).analysis
    assert analysis == Analysis(interval=60.0, threshold=3, step_weight=50)


def test_null_and_gos_zero_values_ask_for_nothing() -> None:
    zeros: dict[str, object] = {
        "spec.provider": "",
        "spec.autoscalerRef": None,
        "spec.ingressRef": None,
        "spec.revertOnDeletion": False,
        "spec.service.name": "",
        "spec.service.hosts": None,
        "spec.service.gatewayRefs": [],
        "spec.service.meshName": "",
        "spec.canaryAnalysis": None,
        "spec.analysis.interval": "",
        "spec.analysis.iterations": 0,
        "spec.analysis.mirror": False,
        "spec.analysis.match": [],
        "spec.analysis.alerts": None,
        "spec.analysis.webhooks[0].type": "",
        "spec.analysis.webhooks[0].timeout": "",
    }
    manifest = edit(good("podinfo"), zeros)
    assert parse_canary(manifest).analysis.hooks[0].timeout == 10.0
    assert warnings(manifest) == ()


def test_a_float_that_is_whole_is_an_integer_as_for_the_kubernetes_api() -> None:
    assert parse_canary(edit(good("podinfo"), {"spec.service.port": 9898.0})).service.port == 9898


METRIC = "spec.analysis.metrics[0]"
TEMPLATED = {
    "name": "404s percentage",
    "interval": "1min",
    "templateVariables": {"direction": "inbound"},
    "thresholdRange": {"max": 5},
}
HOOK = "spec.analysis.webhooks[0]"
AFFINITY = "spec.analysis.sessionAffinity"
STEPS = {"spec.analysis.stepWeight": REMOVED}
MISTAKES = [
    ("kind", "Deployment", 'must be Canary, not "Deployment"'),
    ("apiVersion", "flagger.app/v1", 'must be flagger.app/v1beta1 or flagger.app/v1alpha3, not "flagger.app/v1"'),
    ("metadata.name", REMOVED, "is required"),
    ("metadata.namespace", "Test", "must be lower-case letters, digits and inner '-'"),
    ("spec.targetRef", REMOVED, "is required"),
    ("spec.targetRef.name", "pod_info", "must be lower-case letters, digits, '-' and '.'"),
    ("spec.targetRef.name", "", "is required"),
    ("spec.targetRef.name", "9podinfo", "names the Service too, and so must start with a letter"),
    ("spec.targetRef.name", "a" * 56, "names the Service too, and so must start with a letter"),
    ("spec.targetRef.kind", "StatefulSet", 'targets of kind "StatefulSet" are not supported by this version of Serin'),
    ("spec.targetRef.apiVersion", "core/v1", 'must be apps/v1 for a Deployment, not "core/v1"'),
    ("spec.targetRef.apiVersion", "extensions/v1beta1", 'targets of API "extensions/v1beta1" are not supported'),
    ("spec.autoscalerRef", "podinfo", 'must be an object, not "podinfo"'),
    ("spec.autoscalerRef.kind", "WatermarkPodAutoscaler", "autoscalers of kind"),
    ("spec.autoscalerRef.apiVersion", "v1", "must be a version of autoscaling for a HorizontalPodAutoscaler"),
    ("spec.autoscalerRef.primaryScalerQueries", ["up"], "must be an object"),
    ("spec.autoscalerRef.primaryScalerReplicas", {"minReplicas": 5, "maxReplicas": 2}, "has minReplicas 5 above"),
    ("spec.progressDeadlineSeconds", -1, "must be a whole number of at least 1, not -1"),
    ("spec.metricsServer", "prometheus:9090", "must be an http:// or https:// address with a host"),
    ("spec.skipAnalysis", "true", 'must be true or false, not "true"'),
    ("spec.provider", "linkerd", 'provider "linkerd" is not supported by this version of Serin'),
    ("spec.service", REMOVED, "is required"),
    ("spec.service.name", "shop.web", "must start with a letter"),
    ("spec.service.port", REMOVED, "is required"),
    ("spec.service.port", 65536, "must be a whole number from 1 to 65535, not 65536"),
    ("spec.service.port", "80", 'must be a whole number from 1 to 65535, not "80"'),
    ("spec.service.port", True, "must be a whole number from 1 to 65535, not true"),
    ("spec.service.portName", "HTTP", "must be lower-case letters, digits and inner '-'"),
    ("spec.service.targetPort", "8080", "must be a number without quotes, or a port's name"),
    ("spec.service.targetPort", 0, "must be a whole number from 1 to 65535, not 0"),
    ("spec.service.appProtocol", "h 2", "must be a protocol's name"),
    ("spec.service.trafficDistribution", "Close", "must be PreferClose or PreferSameZone or PreferSameNode"),
    ("spec.service.hosts", "shop", 'must be a list, not "shop"'),
    ("spec.service.timeout", "15", "must be a duration such as 15s, 1m30s or 1h"),
    ("spec.service.apex.labels", {"team": 1}, "must be text, not 1"),
    ("spec.service.match", [{}, "x"], 'must be an object, not "x"'),
    ("spec.analysis", REMOVED, "is required"),
    ("spec.analysis.interval", "0s", 'must be at least 1s, not "0s"'),
    ("spec.analysis.interval", "900ms", 'must be at least 1s, not "900ms"'),
    ("spec.analysis.interval", "-5s", "must be a duration such as"),
    ("spec.analysis.interval", "1m\n", "must be a duration such as"),
    ("spec.analysis.interval", 60, "must be text, not 60"),
    ("spec.analysis.interval", "9" * 400 + "h", "is longer than 292 years"),
    ("spec.analysis.threshold", 0, "must be a whole number of at least 1, not 0"),
    ("spec.analysis.threshold", REMOVED, "is required"),
    ("spec.analysis.threshold", 10**5000, "not a number of more than 18 digits"),
    ("spec.analysis.maxWeight", 0, "must be a whole number from 1 to 100, not 0"),
    ("spec.analysis.maxWeight", 101, "must be a whole number from 1 to 100, not 101"),
    ("spec.analysis.stepWeight", 0, "must be a whole number from 1 to 100, not 0"),
    ("spec.analysis.stepWeight", REMOVED, "is required, unless stepWeights or iterations is given"),
    ("spec.analysis.stepWeight", 2.5, "must be a whole number from 1 to 100, not 2.5"),
    ("spec.analysis.stepWeightPromotion", -1, "must be a whole number from 0 to 100, not -1"),
    ("spec.analysis.canaryReadyThreshold", 101, "must be a whole number from 0 to 100, not 101"),
    ("spec.analysis.maxUnknown", 0, "must be a whole number of at least 1, not 0"),
    ("spec.analysis.ignoreCapacity", "no", 'must be true or false, not "no"'),
    ("spec.analysis.iterations", 10, "cannot be given with stepWeight or stepWeights: keep one of them"),
    ("spec.analysis.iterations", -1, "must be a whole number from 0 to 100000, not -1"),
    ("spec.analysis.match", [{}], "is empty: say which requests the canary gets"),
    ("spec.analysis.match", ["cookie"], 'must be an object, not "cookie"'),
    ("spec.analysis.mirror", "yes", 'must be true or false, not "yes"'),
    ("spec.analysis.mirrorWeight", 101, "must be a whole number from 0 to 100, not 101"),
    (AFFINITY, {}, "is required"),
    (AFFINITY, {"cookieName": "a b"}, "must be letters, digits and"),
    (AFFINITY, {"cookieName": "a", "primaryCookieName": "a"}, "must differ from cookieName: a user is on one side"),
    (AFFINITY, {"cookieName": "a", "maxAge": -1}, "must be a whole number of at least 0, not -1"),
    (AFFINITY, {"cookieName": "a", "domain": "x; Secure"}, "must hold neither ';' nor spaces"),
    (AFFINITY, {"cookieName": "a", "path": "/\nSet-Cookie:"}, "must hold neither ';' nor spaces"),
    (AFFINITY, {"cookieName": "a", "sameSite": "none"}, 'must be Strict or Lax or None, not "none"'),
    ("spec.analysis.metrics", {}, "must be a list, not an object"),
    (f"{METRIC}.name", "p99", '"p99" is not built in (request-success-rate, request-duration): add a query'),
    (f"{METRIC}.query", "vector(1)", "cannot be given for the built-in metric request-success-rate"),
    (f"{METRIC}.interval", "1.5m", "must be a Prometheus duration"),
    (f"{METRIC}.interval", "0m", "must be longer than zero"),
    (f"{METRIC}.thresholdRange", REMOVED, "is required, with min, max or both: a metric without a bound cannot fail"),
    (f"{METRIC}.thresholdRange", {}, "needs min, max or both: a metric without a bound cannot fail"),
    (f"{METRIC}.thresholdRange", {"min": 9, "max": 1}, "has min 9.0 above max 1.0: no value can pass"),
    (f"{METRIC}.thresholdRange.min", 9900, "is percent: no success rate reaches 9900.0"),
    (f"{METRIC}.thresholdRange.min", "99", 'must be a number, not "99"'),
    (f"{METRIC}.thresholdRange.min", 10**400, "must be a number, not a number of more than 18 digits"),
    (f"{METRIC}.onNoData", "ignore", "must be fail or hold or pass"),
    ("spec.analysis.metrics[1].templateRef", {}, "is required"),
    ("spec.analysis.metrics[1].templateRef", {"name": "X"}, "must be lower-case letters"),
    ("spec.analysis.metrics[1].templateRef", {"name": "x", "namespace": "a.b"}, "must be lower-case letters"),
    ("spec.analysis.metrics[1].templateRef", "x", 'must be an object, not "x"'),
    (f"{METRIC}.templateVariables", {"status": 404}, "must be text, not 404"),
    ("spec.analysis.metrics[1].name", "request-success-rate", "is used twice"),
    (f"{HOOK}.name", REMOVED, "is required"),
    (f"{HOOK}.url", REMOVED, "is required"),
    (f"{HOOK}.url", "ftp://tests", "must be an http:// or https:// address with a host"),
    (f"{HOOK}.url", "http:///gate", "must be an http:// or https:// address with a host"),
    (f"{HOOK}.url", "http://[::1/gate", "must be an http:// or https:// address with a host"),
    (f"{HOOK}.url", "http://tests:http/", "must be an http:// or https:// address with a host"),
    (f"{HOOK}.url", "http://tests/\nHost:x", "must be an http:// or https:// address with a host"),
    (f"{HOOK}.timeout", "0s", "must be longer than zero and at most 1h"),
    (f"{HOOK}.timeout", "61m", "must be longer than zero and at most 1h"),
    (f"{HOOK}.timeout", "-1s", "must be a duration such as"),
    (f"{HOOK}.retries", -1, "must be a whole number from 0 to 100, not -1"),
    (f"{HOOK}.metadata", {"cmd": None}, "must be text, not null"),
    (f"{HOOK}.type", "gate", f'must be {" or ".join(HookType)}, not "gate"'),
    (f"{HOOK}.muteAlert", "yes", 'must be true or false, not "yes"'),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[path for path, _, _ in MISTAKES])
def test_one_mistake_is_one_problem_at_its_field(path: str, value: object, message: str) -> None:
    (problem,) = problems_of(edit(good("podinfo"), {path: value}))
    assert problem.path.startswith(path)
    assert message in problem.message


TO_SERVICE: dict[str, object] = {
    "spec.targetRef.apiVersion": "core/v1",
    "spec.targetRef.kind": "Service",
    "spec.autoscalerRef": REMOVED,
}
SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}


def test_a_service_is_a_target_in_either_spelling_of_its_api() -> None:
    for version in ("v1", "core/v1"):
        canary = parse_canary(edit(good("podinfo"), {**TO_SERVICE, "spec.targetRef.apiVersion": version}))
        assert (canary.target.kind, canary.primary_name) == ("Service", canary.service.primary_name)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.targetRef.apiVersion", "apps/v1", 'must be v1 or core/v1 for a Service, not "apps/v1"'),
        ("spec.autoscalerRef", SCALER, "cannot be given for a Service, which has no pods to scale"),
        ("spec.provider", "kubernetes", "must be a router for a Service"),
        ("spec.service.name", "shop", 'must be "podinfo" or absent'),
    ],
)
def test_what_a_service_as_the_target_leaves_no_room_for(path: str, value: object, message: str) -> None:
    (problem,) = problems_of(edit(good("podinfo"), {**TO_SERVICE, path: value}))
    assert problem.path == path
    assert message in problem.message


def test_free_steps_must_rise_and_stand_alone() -> None:
    path = "spec.analysis.stepWeights"
    assert problems_of(edit(good("podinfo"), STEPS | {path: [10, 10]})) == [
        Problem(path, "must rise from entry to entry")
    ]
    assert [p.path for p in problems_of(edit(good("podinfo"), STEPS | {path: [0, 50, 101]}))] == [
        f"{path}[0]",
        f"{path}[2]",
        path,
    ]
    assert problems_of(edit(good("podinfo"), {path: [10, 50]})) == [
        Problem("spec.analysis.stepWeight", "cannot be given with stepWeights: keep one of the two")
    ]


ROUNDS = STEPS | {"spec.analysis.maxWeight": REMOVED, "spec.analysis.iterations": 4}
INSIDERS = [{"headers": {"cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}}, {"sourceLabels": {"app": "tester"}}]


def test_the_users_of_an_ab_test_are_read_as_they_are() -> None:
    analysis = parse_canary(edit(good("podinfo"), ROUNDS | {"spec.analysis.match": INSIDERS})).analysis
    assert (analysis.iterations, list(analysis.match), analysis.step_weight) == (4, INSIDERS, 0)


@pytest.mark.parametrize(("written", "read"), [(None, 100), (0, 100), (5, 5), (100, 100)])
def test_copies_are_of_all_requests_unless_their_share_is_given(written: object, read: int) -> None:
    changes = {"spec.analysis.mirror": True, "spec.analysis.mirrorWeight": written}
    analysis = parse_canary(edit(good("podinfo"), changes)).analysis
    assert (analysis.mirror, analysis.mirror_weight) == (True, read)


def test_session_affinity_lasts_a_day_by_default() -> None:
    short = parse_canary(edit(good("podinfo"), {AFFINITY: {"cookieName": "canary"}})).analysis.session_affinity
    assert short == SessionAffinity("canary", max_age=86400)


def test_session_affinity_takes_everything_that_a_cookie_may_say() -> None:
    written = {
        "cookieName": "canary",
        "primaryCookieName": "primary",
        "domain": "example.com",
        "httpOnly": True,
        "maxAge": 21600,
        "partitioned": True,
        "path": "/app",
        "sameSite": "None",
        "secure": True,
    }
    affinity = parse_canary(edit(good("podinfo"), {AFFINITY: written})).analysis.session_affinity
    assert affinity == SessionAffinity("canary", "primary", 21600, "example.com", True, True, "/app", "None", True)


def test_without_a_router_there_are_rounds_of_checks_and_nothing_else() -> None:
    asks = {"spec.provider": "kubernetes", "spec.analysis.match": INSIDERS, "spec.analysis.mirror": True}
    asks |= {AFFINITY: {"cookieName": "canary"}}
    canary = parse_canary(edit(good("podinfo"), asks))
    analysis = canary.analysis
    assert canary.provider is Provider.KUBERNETES
    assert (analysis.iterations, analysis.match, analysis.mirror, analysis.session_affinity) == (10, (), False, None)
    assert parse_canary(edit(good("podinfo"), asks | {"spec.analysis.iterations": 3})).analysis.iterations == 3


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.analysis.match", INSIDERS, "A/B testing needs requests with headers"),
        ("spec.analysis.mirror", True, "only requests can be copied"),
        (AFFINITY, {"cookieName": "canary"}, "only requests carry cookies"),
    ],
)
def test_what_takes_http_is_refused_for_tcp(path: str, value: object, message: str) -> None:
    tcp = edit(good("podinfo"), {"spec.service.appProtocol": "TCP", path: value})
    assert problems_of(tcp) == [Problem(path, f"cannot be given with service.appProtocol tcp: {message}")]


def test_a_delegate_must_not_have_hosts_or_gateways() -> None:
    problems = problems_of(edit(good("istio"), {"spec.service.delegation": True}))
    assert [problem.path for problem in problems] == ["spec.service.hosts", "spec.service.gateways"]


def test_every_mistake_is_found_at_once_and_under_its_authors_spelling() -> None:
    mistakes = {
        "spec.service.port": 0,
        "spec.canaryAnalysis.threshold": 0,
        "spec.canaryAnalysis.metrics[1].interval": "often",
        "spec.canaryAnalysis.webhooks[0].type": "sometimes",
    }
    manifest = edit(good("flagger-0.6"), mistakes)
    assert {problem.path for problem in problems_of(manifest)} == set(mistakes)
    with pytest.raises(InvalidCanary, match=re.escape("Canary podinfo.test is not valid: spec.service.port: must be")):
        parse_canary(manifest)


def test_what_serin_cannot_do_yet_is_refused_by_field_and_never_ignored() -> None:
    assert [problem.path for problem in problems_of(everything_else())] == [
        "spec.analysis.match[0].headers.user-agent",
        "spec.targetRef.apiVersion",
        "spec.ingressRef",
        "spec.routeRef",
        "spec.upstreamRef",
        "spec.service.meshName",
        "spec.service.backends",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("500ms", 0.5),
        ("1.5m", 90.0),
        ("", None),
        ("5", None),
        ("+5s", None),
        ("5s ", None),
        ("\u0665s", None),
    ],
)
def test_durations_are_gos(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("1d12h", 129600.0), ("1m30s", 90.0), ("30s1m", None), ("1.5m", None), ("", None)],
)
def test_windows_are_prometheuss(text: str, seconds: float | None) -> None:
    assert parse_window(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m", 60.0), ("90s", 90.0), ("1min", 60.0), ("2hours", 7200.0), ("5sec", 5.0), ("1month", None), ("m", None)],
)
def test_windows_of_templates_are_prometheuss_or_graphites(text: str, seconds: float | None) -> None:
    assert parse_template_window(text) == seconds


def test_a_template_is_the_canarys_namespaces_unless_it_says_another() -> None:
    def metric_with(**reference: str) -> Metric:
        changes = {"spec.analysis.metrics[0]": {**TEMPLATED, "templateRef": reference}}
        return parse_canary(edit(good("podinfo"), changes)).analysis.metrics[0]

    assert metric_with(name="errors") == Metric(
        name="404s percentage",
        interval="1min",
        bounds=Bounds(max=5.0),
        template=TemplateRef("test", "errors"),
        variables={"direction": "inbound"},
    )
    assert metric_with(name="errors", namespace="istio-system").template == TemplateRef("istio-system", "errors")


def test_a_template_takes_the_place_of_the_built_in_metric_whose_name_it_uses() -> None:
    changes = {"spec.analysis.metrics[0].templateRef": {"name": "errors"}}
    metric = parse_canary(edit(good("podinfo"), changes)).analysis.metrics[0]
    assert (metric.builtin, metric.template) == (None, TemplateRef("test", "errors"))


def test_a_template_and_a_query_are_not_both_asked() -> None:
    changes = {"spec.analysis.metrics[0]": {**TEMPLATED, "templateRef": {"name": "errors"}, "query": "vector(1)"}}
    assert problems_of(edit(good("podinfo"), changes)) == [
        Problem("spec.analysis.metrics[0].query", "cannot be given with templateRef: keep one of the two")
    ]


@pytest.mark.parametrize(
    ("changes", "comparison"),
    [
        ({}, Comparison()),
        (
            {"minimumSamples": 2000, "maxWait": "10m", "confidence": 95, "tolerance": 0.1, "onNoData": "fail"},
            Comparison(2000, 600.0, 95.0, 0.1, on_too_few=OnNoData.FAIL),
        ),
        ({"name": "request-duration", "thresholdRange": {"max": 500}}, Comparison(slower_than=500.0)),
        ({"name": "request-duration", "slowerThan": 250}, Comparison(slower_than=250.0)),
        ({"name": "bad", "query": "b", "totalQuery": "t"}, Comparison(total_query="t")),
    ],
)
def test_a_comparison_with_the_primary_is_read(changes: dict[str, object], comparison: Comparison) -> None:
    metric = {"name": "request-success-rate", "compare": "primary", **changes}
    manifest = edit(good("podinfo"), {METRIC: metric, "spec.analysis.metrics[1]": REMOVED})
    (read,) = parse_canary(manifest).analysis.metrics
    assert read.comparison == comparison
    assert (read.bounds == Bounds()) == ("thresholdRange" not in changes)


@pytest.mark.parametrize(
    ("metric", "path", "message"),
    [
        ({"compare": "canary"}, "compare", 'must be primary, not "canary"'),
        ({"compare": "primary", "minimumSamples": 0}, "minimumSamples", "must be a whole number"),
        ({"compare": "primary", "maxWait": "soon"}, "maxWait", "must be a duration"),
        ({"compare": "primary", "confidence": 100}, "confidence", "must be a number between 50 and 100"),
        ({"compare": "primary", "tolerance": -1}, "tolerance", "must be a number between 0 and 100"),
        ({"compare": "primary", "totalQuery": "t"}, "totalQuery", "cannot be given for a built-in metric"),
        ({"compare": "primary", "name": "bad", "query": "b"}, "totalQuery", "is required: query counts the bad ones"),
        (
            {"compare": "primary", "name": "bad", "templateRef": {"name": "t"}},
            "compare",
            "cannot be given with templateRef",
        ),
        ({"compare": "primary", "name": "request-duration"}, "slowerThan", "is required without thresholdRange.max"),
        (
            {"maxWait": "1m", "thresholdRange": {"min": 99}},
            "maxWait",
            "is for a comparison: give compare: primary, too",
        ),
    ],
)
def test_a_comparison_that_could_find_nothing_is_refused(metric: dict[str, object], path: str, message: str) -> None:
    changes = {METRIC: {"name": "request-success-rate", **metric}, "spec.analysis.metrics[1]": REMOVED}
    problems = problems_of(edit(good("podinfo"), changes))
    assert f"{METRIC}.{path}" in [problem.path for problem in problems]
    assert any(message in problem.message for problem in problems)


def problems_of(manifest: JsonObject) -> list[Problem]:
    with pytest.raises(InvalidCanary) as caught:
        parse_canary(manifest)
    return list(caught.value.problems)
