"""The whole examination, area by area: settings, store, each cluster with what depends on it, Slack.

Who depends on something that does not answer is not asked: one row says so. Findings come as they are made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.app import metrics_servers
from shared.clusters.access import Access
from shared.doctor import metrics, reach, rollouts, slack, store
from shared.doctor.definitions import examine_definitions
from shared.doctor.ground import Ground, area_in, parts_used
from shared.doctor.guard import attempt, guarded
from shared.doctor.rights import examine_rights
from shared.doctor.rollouts import Canaries, judge_canaries, read_canaries
from shared.doctor.scheduler import examine_jobs
from shared.doctor.settings import examine_settings
from shared.doctor.webhook import examine_webhook
from shared.errors import SerinError
from shared.jobs.cloud_scheduler import connect_to_google
from shared.settings import clusters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from google.cloud.scheduler_v1 import CloudSchedulerClient

    from shared.clusters.registry import Cluster
    from shared.doctor.finding import Finding
    from shared.settings import Settings
    from shared.state.store import Store

_AFTER_REACH = ("canaries", "definitions", "rights", "webhook", "metrics")


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: one Canary (``NAMESPACE/NAME``) or all, and the rights of a user, or of who asks."""

    canary: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """How Cloud Scheduler is reached, and what time it is."""

    scheduler: Callable[[], CloudSchedulerClient] = connect_to_google
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


_REAL = Means()


def examine(environment: Mapping[str, str], scope: Scope, means: Means = _REAL) -> Iterator[Finding]:
    """Everything that is found, in the order of the areas."""
    settings, found = examine_settings(environment)
    yield from found
    opened, found = store.open_to_examine(settings)
    yield from found
    clusters = clusters_of(settings)
    if opened:
        yield from guarded(store.AREA, lambda: store.examine_queries(opened, clusters[0].name))
        yield from guarded(store.AREA, lambda: store.examine_indexes(settings))
    examined = _Examined(settings, opened, Access(clusters, settings.concurrency), scope, means)
    for cluster in clusters:
        yield from _examine_cluster(examined, cluster)
        yield from _examine_jobs(examined, cluster)
    yield from guarded(slack.AREA, lambda: slack.examine_slack(settings))
    if opened:
        opened.close()


@dataclass(frozen=True, slots=True)
class _Examined:
    """What all areas share; ``store`` is None if it does not answer."""

    settings: Settings
    store: Store | None
    access: Access
    scope: Scope
    means: Means


def _examine_cluster(examined: _Examined, cluster: Cluster) -> Iterator[Finding]:
    settings = examined.settings
    area = area_in("cluster", cluster.name, settings)
    try:
        gateway = attempt(lambda: examined.access.gateway(cluster.name))
    except SerinError as error:
        yield area.bad("API server", str(error), "correct the credentials of the cluster in the settings")
        yield from _skip(settings, cluster)
        return
    ground = Ground(settings, cluster, gateway, examined.scope.user, examined.means.clock)
    reached = guarded(area, lambda: reach.examine_reach(ground))
    yield from reached
    if not reach.is_reached(reached):
        yield from _skip(settings, cluster)
        return
    canaries, found = _find_canaries(examined, ground)
    yield from found
    used = parts_used(canaries.valid)
    yield from guarded(ground.area("definitions"), lambda: examine_definitions(ground, used))
    yield from guarded(ground.area("rights"), lambda: examine_rights(ground, used), 60.0)
    yield from guarded(ground.area("webhook"), lambda: examine_webhook(ground))
    server = metrics_servers(settings)(cluster.name)
    yield from guarded(ground.area("metrics"), lambda: metrics.examine_metrics(ground, canaries, server), 120.0)


def _find_canaries(examined: _Examined, ground: Ground) -> tuple[Canaries, Iterable[Finding]]:
    """The Canaries of a cluster, and what is found of them, their rollouts, and a Flagger beside."""
    area = ground.area("canaries")
    wanted = examined.scope.canary
    try:
        canaries = attempt(lambda: read_canaries(ground))
    except SerinError as error:
        return Canaries(), (area.unknown("Canaries", str(error)),)
    if wanted:
        namespace, _, name = wanted.rpartition("/")
        canaries = canaries.only((namespace, name))
        if not canaries.created:
            remedy = "name one as NAMESPACE/NAME; these are there:"
            return canaries, (area.bad(wanted, "is not there", remedy, "kubectl get canaries --all-namespaces"),)
    found = [*judge_canaries(area, canaries)]
    opened, now = examined.store, examined.means.clock()
    if opened and not wanted:
        found += guarded(area, lambda: rollouts.examine_rollouts(area, ground, opened, canaries, now))
    return canaries, (*found, *guarded(area, lambda: rollouts.examine_flagger(area, ground)))


def _examine_jobs(examined: _Examined, cluster: Cluster) -> tuple[Finding, ...]:
    settings, means = examined.settings, examined.means
    area = area_in("scheduler", cluster.name, settings)
    active = _is_active(examined.store, cluster.name)
    return guarded(area, lambda: examine_jobs(area, settings, cluster.name, means.scheduler, active=active))


def _is_active(opened: Store | None, cluster: str) -> bool | None:
    """Whether any rollout wants to be ticked; None if that is not known."""
    if opened is None:
        return None
    try:
        return attempt(lambda: opened.next_due(cluster)) is not None
    except SerinError:
        return None


def _skip(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    names = ", ".join(_AFTER_REACH)
    yield area_in("cluster", cluster.name, settings).unknown(names, "the API server has to answer first")
