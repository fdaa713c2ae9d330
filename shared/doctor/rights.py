"""What Serin may do in a cluster, asked of the API server: a SelfSubjectAccessReview for each verb of each rule.

Rules of a Role can be read more cheaply, but they are not all: GKE, for one, also asks IAM.
Source: Kubernetes, "Authorization", SelfSubjectAccessReview and SubjectAccessReview.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from shared.cluster.rights import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.cluster.rights import Part, Rule
    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground
    from shared.json_types import JsonObject

REVIEWS = "/apis/authorization.k8s.io/v1"
MOST_NAMESPACES = 10
_THREADS = 8

Asked = tuple["Rule", str]
"""A rule, and one of its verbs."""


def examine_rights(ground: Ground, used: frozenset[Part]) -> Iterator[Finding]:
    """Each rule that is not granted, in each of the first namespaces."""
    area = ground.area("rights")
    for namespace in ground.namespaces[:MOST_NAMESPACES]:
        yield from judge_rights(area, namespace, _ask_all(ground, namespace), used)
    if len(ground.namespaces) > MOST_NAMESPACES:
        rest = len(ground.namespaces) - MOST_NAMESPACES
        yield area.unknown(f"{rest} more namespaces", f"only the first {MOST_NAMESPACES} are looked at")


def judge_rights(
    area: Area, namespace: str | None, answers: Mapping[Asked, bool], used: frozenset[Part]
) -> Iterator[Finding]:
    """What is missing, a row for each rule; one row if nothing is. ``answers`` says for each right if it is there."""
    where = f"in {namespace}" if namespace else "cluster-wide"
    denied = [asked for asked, allowed in answers.items() if not allowed]
    for rule, asked in groupby(denied, key=lambda each: each[0]):
        verbs = [verb for _, verb in asked]
        seen = f"no right to {', '.join(verbs)} ({where})"
        advice = f"add to the {'Role' if namespace else 'ClusterRole'} of charts/serin, or upgrade the chart:"
        subject = f"{rule.resource}.{rule.group}".rstrip(".")
        if rule.part in used:
            yield area.bad(subject, seen, advice, show_rule(rule, verbs))
        else:
            yield area.warning(subject, f"{seen}; no Canary uses {rule.part} yet", advice, show_rule(rule, verbs))
    if not denied:
        yield area.ok(where, f"all {len(answers)} are granted")


def show_rule(rule: Rule, verbs: Sequence[str]) -> str:
    """A rule as it stands in a Role."""
    group = rule.group or '""'
    return f"- {{apiGroups: [{group}], resources: [{rule.resource}], verbs: [{', '.join(verbs)}]}}"


def _ask_all(ground: Ground, namespace: str | None) -> dict[Asked, bool]:
    rights = [(rule, verb) for rule in RULES for verb in rule.verbs]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="rights") as pool:
        answers: Iterable[bool] = pool.map(lambda right: _ask(ground, namespace, *right), rights)
        return dict(zip(rights, answers, strict=True))


def _ask(ground: Ground, namespace: str | None, rule: Rule, verb: str) -> bool:
    kind = "SubjectAccessReview" if ground.user else "SelfSubjectAccessReview"
    resource, _, subresource = rule.resource.partition("/")
    attributes = {"group": rule.group, "resource": resource, "subresource": subresource, "verb": verb}
    spec: JsonObject = {"resourceAttributes": attributes | ({"namespace": namespace} if namespace else {})}
    if ground.user:
        spec["user"] = ground.user
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer = ground.gateway.review(f"{REVIEWS}/{kind.lower()}s", review) or {}
    return bool(answer.get("status", {}).get("allowed"))
