"""The admission webhook: how the cluster is told to call it, and whether it answers as the cluster would call it.

What is sent is a rehearsal (``dryRun``) of something harmless, of which nothing remains.
Source: Kubernetes, "Dynamic Admission Control".
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.admission.review import API_VERSION, KIND
from shared.checks.allowlist import Egress
from shared.checks.deadline import Deadline
from shared.checks.transport import Call, Http, Patience
from shared.clusters.callers import read_webhook_secrets
from shared.clusters.registry import InCluster
from shared.errors import CheckUnavailable, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground
    from shared.json_types import Json, JsonObject

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
OURS = ".serin.dev"
"""How the names of Serin's webhooks end."""

NEEDED = {
    "canaries.serin.dev": "Canaries that make no sense are stored, and complained of later",
    "changes.serin.dev": "changes are found by the sweep alone",
}
"""Those that charts/serin registers, and what is lost without each."""

SLOW_SECONDS = 1.0
_LARGEST = 64 * 1024
_INSTALL = "helm upgrade --install serin charts/serin --reuse-values --set webhook.enabled=true"
_NOT_EVEN_LISTED = "Serin itself has no right to list them: let somebody who may call `make doctor` from outside"


@dataclass(frozen=True, slots=True)
class Registered:
    """One webhook of a ValidatingWebhookConfiguration. ``url`` holds the secret, and is never shown."""

    configuration: str
    name: str
    url: str
    service: tuple[str, str] | None
    authority: bytes
    failure_policy: str
    timeout: int

    @property
    def secret(self) -> str:
        """The last part of the path."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def address(self) -> str:
        """The URL without its secret."""
        return self.url.rpartition("/")[0] + "/…"

    @property
    def way(self) -> tuple[str, bytes]:
        """Those with the same go to the same place."""
        return self.url, self.authority


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from a call: the HTTP status, the body, and after how many seconds."""

    status: int
    body: bytes
    seconds: float


def examine_webhook(ground: Ground) -> Iterator[Finding]:
    """What is registered, and a call of it with the secret of its path and one with another."""
    area = ground.area("webhook")
    known, problems = read_webhook_secrets((ground.cluster,))
    for problem in problems:
        yield area.bad(problem.path, problem.message, "mount the file, or correct its path")
    secrets = known.get(ground.cluster.name, ())
    try:
        listed = ground.gateway.look(CONFIGURATIONS) or {}
    except Refused:
        yield area.unknown("registration", "may not be read by this caller", _NOT_EVEN_LISTED)
        return
    registered = choose_ours(read_registered(listed.get("items", ())), secrets)
    yield from judge_registered(area, registered, secrets)
    for one in {each.way: each for each in registered if each.secret in secrets}.values():
        yield from _call_it(ground, area, one)


def read_registered(configurations: Iterable[Json]) -> tuple[Registered, ...]:
    """Serin's webhooks among ValidatingWebhookConfigurations."""
    return tuple(
        _read(configuration["metadata"]["name"], hook)
        for configuration in configurations
        for hook in configuration.get("webhooks") or ()
        if hook["name"].endswith(OURS)
    )


def choose_ours(registered: Sequence[Registered], secrets: Sequence[str]) -> tuple[Registered, ...]:
    """Those that call this installation, where there are several; all, if none does."""
    return tuple(each for each in registered if each.secret in secrets) or tuple(registered)


def judge_registered(area: Area, registered: Sequence[Registered], secrets: Sequence[str]) -> Iterator[Finding]:
    """Whether each webhook that Serin lives by is there, and ends with a secret that this installation knows."""
    for name, loss in NEEDED.items():
        if name not in {each.name for each in registered}:
            yield area.warning(name, f"is not registered in the cluster: {loss}", "let charts/serin do it:", _INSTALL)
    for each in registered:
        policy = f"failurePolicy {each.failure_policy}, timeout {each.timeout} s"
        if each.secret in secrets:
            yield area.ok(each.name, f"calls {each.address}; {policy}")
            continue
        yield area.bad(
            each.name,
            f"calls {each.address} with a secret that this installation does not know, so it is turned away",
            f"let webhook.secret of charts/serin be one of SERIN_WEBHOOK_SECRETS; it is in {each.configuration}",
        )


def judge_call(area: Area, one: Registered, right: Reply | str, wrong: Reply | str) -> Iterator[Finding]:
    """``right`` is the reply to a rehearsal, ``wrong`` that to one with a wrong secret; or why there was none."""
    if isinstance(right, str):
        yield area.bad("answer", f"{one.address} gives none: {right}", _remedy(right))
        return
    if right.status != 200 or not _allows(right.body):
        seen = f"{one.address} answers HTTP {right.status} instead of an AdmissionReview that allows"
        yield area.bad("answer", seen, "let cloud.webhookUrl (or the Service) lead to Serin's webhook, of this version")
        return
    seen = f"allows a rehearsal within {right.seconds * 1000:.0f} ms"
    if right.seconds > min(SLOW_SECONDS, one.timeout):
        remedy = "every change in the cluster waits that long: keep an instance warm, in a region nearby"
        yield area.warning("answer", seen, remedy)
    else:
        yield area.ok("answer", seen)
    if isinstance(wrong, str):
        yield area.unknown("strangers", wrong)
    elif wrong.status == 200:
        yield area.bad("strangers", "are answered, too", "that is not Serin's webhook: correct the address")
    else:
        yield area.ok("strangers", "with another secret are turned away")


def _read(configuration: str, hook: Json) -> Registered:
    client = hook["clientConfig"]
    service = client.get("service")
    url = client.get("url", "")
    if service:
        host = f"{service['name']}.{service['namespace']}.svc"
        url = f"https://{host}:{service.get('port', 443)}{service.get('path', '/')}"
    return Registered(
        configuration,
        hook["name"],
        url,
        (service["namespace"], service["name"]) if service else None,
        base64.b64decode(client.get("caBundle") or ""),
        hook.get("failurePolicy", "Fail"),
        int(hook.get("timeoutSeconds", 10)),
    )


def _call_it(ground: Ground, area: Area, one: Registered) -> Iterator[Finding]:
    if one.service and not isinstance(ground.cluster.credentials, InCluster):
        yield _look_behind(ground, area, one.service)
        return
    right = _call(one, one.url)
    yield from judge_call(area, one, right, _call(one, one.url[: -len(one.secret)] + "x" * len(one.secret)))


def _call(one: Registered, url: str) -> Reply | str:
    """As the API server calls it; why there was no answer."""
    http = Http(Egress(("*",)))
    with tempfile.NamedTemporaryFile() as authority:
        authority.write(one.authority)
        authority.flush()
        call = Call(
            "POST",
            url,
            {"Content-Type": "application/json"},
            _LARGEST,
            json.dumps(rehearsal()).encode(),
            authority.name if one.authority else True,
        )
        began = time.monotonic()
        try:
            answer = http.send(call, Patience(float(one.timeout), Deadline.after(float(one.timeout))))
        except CheckUnavailable as error:
            return str(error)
        finally:
            http.close()
    return Reply(answer.status, answer.body, time.monotonic() - began)


def _look_behind(ground: Ground, area: Area, service: tuple[str, str]) -> Finding:
    """Only the cluster resolves the name of a Service. From outside one can see whether anything is behind it."""
    namespace, name = service
    subject = f"Service {name}.{namespace}"
    try:
        listed = ground.gateway.look(SLICES.format(namespace), labelSelector=f"kubernetes.io/service-name={name}") or {}
    except Refused:
        command = f"kubectl -n {namespace} exec deployment/{name} -- python -m functions.doctor"
        return area.unknown(subject, "is known in the cluster alone", f"call the doctor there: {command}")
    return judge_endpoints(area, subject, service, listed.get("items", ()))


def judge_endpoints(area: Area, subject: str, service: tuple[str, str], slices: Iterable[Json]) -> Finding:
    """Whether any pod behind a Service is ready."""
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
    ready = sum(bool((endpoint.get("conditions") or {}).get("ready", True)) for endpoint in endpoints)
    if ready:
        return area.ok(subject, f"has {ready} ready pod{'s' if ready > 1 else ''} behind it")
    namespace, name = service
    seen = "has no ready pod behind it, so nobody answers the cluster"
    return area.bad(subject, seen, "see why:", f"kubectl -n {namespace} describe deployment {name}")


def rehearsal() -> JsonObject:
    """A review of the deletion of a Deployment that is not there, which would not be carried out if it were."""
    kind = {"group": "apps", "version": "v1", "kind": "Deployment"}
    request = {
        "uid": "serin-doctor",
        "kind": kind,
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "serin-doctor",
        "namespace": "default",
        "operation": "DELETE",
        "userInfo": {},
        "object": None,
        "oldObject": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "serin-doctor"}},
        "dryRun": True,
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "request": request}


def _remedy(trouble: str) -> str:
    if "certificate" in trouble:
        return "let webhook.caBundle of charts/serin be the authority of the certificate"
    return "see that the function runs, and that it can be reached from the cluster"


def _allows(body: bytes) -> bool:
    try:
        return bool(json.loads(body)["response"]["allowed"])
    except (ValueError, KeyError, TypeError):
        return False
