"""The admission webhook: judges Canaries, lets everything else pass, and leaves hints for what may be a new revision.

The cluster waits for the answer, so nothing may hold it up: a store or a scheduler that is slow or down costs a hint,
which the sweep makes good, and never an answer. It has no credentials for any cluster.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from shared.admission.answer import respond
from shared.admission.canary import review_canary
from shared.admission.hints import hint_of
from shared.admission.review import LARGEST, parse_review
from shared.body import Refusal
from shared.clusters.callers import read_webhook_secrets
from shared.errors import SerinError
from shared.hints import leave_hint
from shared.identity.path_secret import cluster_of
from shared.jobs.choice import choose_jobs
from shared.logs import Log
from shared.once import once
from shared.reply import NOT_FOUND, Reply, refused
from shared.settings import clusters_of, read_settings
from shared.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.clusters.registry import Cluster
    from shared.hint import Hint
    from shared.jobs.protocol import Jobs
    from shared.settings import Settings
    from shared.state.store import Store

PATIENCE_SECONDS = 2.0
"""How long an answer may wait for its hint to be left."""

_pool = ThreadPoolExecutor(8, thread_name_prefix="hint")


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the webhook works with. The path secrets are read anew for each request, so that they can be replaced.

    ``store`` opens the store when the first hint is left: one that cannot be opened costs hints and no answers.
    ``foreign`` says whether Canaries may name objects of other namespaces.
    """

    store: Callable[[], Store]
    jobs: Jobs
    clusters: tuple[Cluster, ...]
    clock: Callable[[], datetime]
    log: Log
    foreign: bool = True

    def receive(self, path: str, content_type: str, read: Callable[[int], bytes]) -> Reply:
        """The answer to one AdmissionReview; a stranger's body is not even read."""
        secrets, problems = read_webhook_secrets(self.clusters)
        self.log.warn_once("; ".join(map(str, problems)))
        cluster = cluster_of(path, secrets)
        if cluster is None:
            return NOT_FOUND
        request = parse_review(content_type, read(LARGEST + 1))
        if isinstance(request, Refusal):
            return refused(request)
        answer = review_canary(request, foreign=self.foreign)
        hint = hint_of(request)
        if answer.allowed and hint is not None:
            self._pass_on(cluster, hint)
        return Reply(200, respond(request.uid, answer))

    def _pass_on(self, cluster: str, hint: Hint) -> None:
        try:
            _pool.submit(tell, self.store, self.jobs, cluster, hint, self.clock()).result(PATIENCE_SECONDS)
        except TooLate:
            self.log.warning(f"No time to leave a hint for {hint.ref} in {hint.namespace}: the sweep will find it")
        except SerinError as error:
            self.log.warning(f"{error}: no hint for {hint.ref} in {hint.namespace}, the sweep will find it")


def tell(store: Callable[[], Store], jobs: Jobs, cluster: str, hint: Hint, now: datetime) -> None:
    """Leave a hint, and have the cluster's heartbeat called now if it concerns anybody."""
    if leave_hint(store(), cluster, hint, now):
        jobs.force(cluster)


def webhook_of_process() -> Webhook:
    """The webhook for the settings of this process."""
    with _building:
        return _build_once()


_building = Lock()


@cache
def _build_once() -> Webhook:
    return build(read_settings(os.environ))


def build(settings: Settings) -> Webhook:
    """The webhook for these settings."""
    log = Log()
    return Webhook(
        store=once(lambda: open_store(settings.store)),
        jobs=choose_jobs(settings.scheduler, log),
        clusters=clusters_of(settings),
        clock=lambda: datetime.now(UTC),
        log=log,
        foreign=settings.cross_namespace_refs,
    )
