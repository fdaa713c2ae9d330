"""Asks a hook (``analysis.webhooks[]``) whether a rollout may go on.

A hook that answers decides: any 2xx is yes, everything else is no (Flagger takes 203 and 204 for a no as well, against
its own documents). A hook that does not answer says nothing, so the rollout holds.

It must never follow a redirect: on the way the POST becomes a GET, whose answer says nothing about this rollout.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.checks.endpoint import read_endpoint, secrets_in, show_url
from shared.checks.transport import Call, Http, Patience
from shared.checks.verdict import CheckResult, Verdict
from shared.checks.wording import clean

if TYPE_CHECKING:
    from shared.canary.model import Canary, Hook
    from shared.checks.deadline import Deadline

KIND = "hook"
_KEPT_BYTES = 64 * 1024
_KEPT_CHARACTERS = 1000


def call_hook(canary: Canary, hook: Hook, checksum: str, http: Http, deadline: Deadline) -> CheckResult:
    """The verdict of the hook's answer. CheckUnavailable if there is none within its timeouts and ``deadline``."""
    endpoint = read_endpoint(hook.url)
    call = Call(
        method="POST",
        url=endpoint.url,
        headers={"Content-Type": "application/json", "Connection": "close", "User-Agent": "serin", **endpoint.headers},
        keep=_KEPT_BYTES,
        body=write_body(canary, hook, checksum),
        verify=not hook.disable_tls,
        # A function sleeps between ticks while its idle connections die; a POST on one would look like a dead hook.
        keep_alive=False,
    )
    answer = http.send(call, Patience(hook.timeout, deadline, hook.retries))
    text = clean(answer.body.decode(errors="replace"), _KEPT_CHARACTERS, secrets_in(endpoint.headers))
    return judge_answer(canary, hook, answer.status, text)


def write_body(canary: Canary, hook: Hook, checksum: str) -> bytes:
    """What a hook of Flagger gets: name, namespace, phase and checksum, and the hook's metadata if it has any."""
    body: dict[str, object] = {
        "name": canary.name,
        "namespace": canary.namespace,
        "phase": "Progressing",
        "checksum": checksum,
    }
    if hook.metadata:
        body["metadata"] = dict(sorted(hook.metadata.items()))
    return json.dumps(body, separators=(",", ":")).encode()


def judge_answer(canary: Canary, hook: Hook, status: int, text: str) -> CheckResult:
    """Pass for 2xx, else fail with the predecessor's sentence; ``text`` is the answer, already clean."""
    verdict, sentence = Verdict.PASS, ""
    if not 200 <= status < 300:
        reason = text or f"HTTP {status}"
        verdict, sentence = Verdict.FAIL, f"Halt {canary} advancement external check {hook.name} failed {reason}"
    return CheckResult(hook.name, KIND, verdict, sentence, query=show_url(hook.url), answer=text)
