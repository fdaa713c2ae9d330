"""Asks a hook (``analysis.webhooks[]``) about a rollout.

A hook that answers decides: any 2xx is yes, everything else is no (Flagger takes 203 and 204 for a no as well, against
its own documents), unless it asks for time (409, 425, ``Retry-After``) or for the end of the run (410). What yes and no
mean depends on the hook's type: a gate's no is "not yet", a rollback hook's yes is "take it back". A hook that does not
answer says nothing.

It must never follow a redirect: on the way the POST becomes a GET, whose answer says nothing about this rollout.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.endpoint import read_endpoint, secrets_in, show_url
from shared.checks.sentences import write_halt
from shared.checks.transport import Answer, Call, Http, Patience
from shared.checks.verdict import CheckResult, Verdict
from shared.checks.wording import clean

if TYPE_CHECKING:
    from shared.canary.model import Canary, Hook
    from shared.checks.deadline import Deadline
    from shared.checks.questions import Facts

ABORT = 410
"""Gone: the status with which a hook ends the run."""

WAIT = (409, 425)
"""Conflict and Too Early: the statuses with which a hook asks for time, as it does with a ``Retry-After`` header."""

_KEPT_BYTES = 64 * 1024
_KEPT_CHARACTERS = 1000
_GATES = frozenset({HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION})
_TOLD_THE_PHASE = frozenset({HookType.ROLLBACK, HookType.POST_ROLLOUT})


def call_hook(canary: Canary, hook: Hook, facts: Facts, http: Http, deadline: Deadline) -> CheckResult:
    """The verdict of the hook's answer. CheckUnavailable if there is none within its timeouts and ``deadline``."""
    body = write_body(canary, hook, facts)
    answer = post(hook, body, http, Patience(hook.timeout, deadline, hook.retries))
    text = clean(answer.body.decode(errors="replace"), _KEPT_CHARACTERS, secrets_in(read_endpoint(hook.url).headers))
    return judge_answer(canary, hook, answer, text)


def post(hook: Hook, body: bytes, http: Http, patience: Patience) -> Answer:
    """The hook's answer to ``body``, whatever it is. CheckUnavailable if there is none."""
    endpoint = read_endpoint(hook.url)
    call = Call(
        method="POST",
        url=endpoint.url,
        headers={"Content-Type": "application/json", "Connection": "close", "User-Agent": "serin", **endpoint.headers},
        keep=_KEPT_BYTES,
        body=body,
        verify=not hook.disable_tls,
        # A function sleeps between ticks while its idle connections die; a POST on one would look like a dead hook.
        keep_alive=False,
    )
    return http.send(call, patience)


def write_body(canary: Canary, hook: Hook, facts: Facts) -> bytes:
    """What a hook of Flagger gets; ``remainingTime`` is in nanoseconds, as Go writes a duration."""
    body: dict[str, object] = {
        "name": canary.name,
        "namespace": canary.namespace,
        "phase": _phase(hook, facts),
        "checksum": facts.checksum,
        "buildId": facts.build,
        "type": str(hook.type),
        "failedChecks": facts.failed_checks,
        "canaryWeight": facts.weight,
        "iterations": facts.iterations,
        "remainingTime": round(facts.remaining * 1_000_000_000),
    }
    if hook.metadata:
        body["metadata"] = dict(sorted(hook.metadata.items()))
    return json.dumps(body, separators=(",", ":")).encode()


def judge_answer(canary: Canary, hook: Hook, answer: Answer, text: str) -> CheckResult:
    """What ``answer`` means for this type of hook; ``text`` is its body, already clean."""
    verdict = _judge(hook.type, answer)
    sentence = _write_sentence(write_halt(canary, hook), hook, verdict, text or f"HTTP {answer.status}")
    return CheckResult(hook.name, str(hook.type), verdict, sentence, query=show_url(hook.url), answer=text)


def _phase(hook: Hook, facts: Facts) -> str:
    """As in Flagger: the real one where a hook may be asked in several phases, Progressing for every other."""
    if hook.type is HookType.CONFIRM_ROLLOUT:
        return "Waiting"
    return facts.phase if hook.type in _TOLD_THE_PHASE else "Progressing"


def _judge(kind: HookType, answer: Answer) -> Verdict:
    yes = 200 <= answer.status < 300
    if kind is HookType.ROLLBACK:
        return Verdict.ABORT if yes else Verdict.PASS
    if yes:
        return Verdict.PASS
    if kind is HookType.POST_ROLLOUT:
        return Verdict.FAIL
    if answer.status == ABORT:
        return Verdict.ABORT
    return Verdict.WAIT if kind in _GATES or answer.status in WAIT or answer.later else Verdict.FAIL


def _write_sentence(halt: str, hook: Hook, verdict: Verdict, reason: str) -> str:
    match verdict:
        case Verdict.ABORT:
            return f"{hook.type} hook {hook.name} asked for it: {reason}"
        case Verdict.FAIL:
            return f"{halt} failed {reason}"
        case Verdict.WAIT:
            return halt if hook.type in _GATES else f"{halt} asks to wait"
        case _:
            return ""
