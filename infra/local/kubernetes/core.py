"""The API and its controllers, without a socket and without a thread: what `server` serves to others, and what those
use who bring their own time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from infra.local.kubernetes.api import Api, Target
from infra.local.kubernetes.application import Application
from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.controllers.daemonsets import DAEMON_SET, DaemonSets
from infra.local.kubernetes.controllers.definitions import DEFINITION, Definitions
from infra.local.kubernetes.controllers.deployments import DEPLOYMENT, Deployments
from infra.local.kubernetes.controllers.garbage import COLLECT, FINALIZE, Garbage
from infra.local.kubernetes.controllers.loop import Loop
from infra.local.kubernetes.controllers.namespaces import NAMESPACE, Namespaces
from infra.local.kubernetes.controllers.pods import POD, Pods
from infra.local.kubernetes.controllers.relations import Relations
from infra.local.kubernetes.controllers.replicasets import REPLICA_SET, ReplicaSets
from infra.local.kubernetes.resources import NAMESPACES
from infra.local.kubernetes.store import Store

_FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True, slots=True)
class Time:
    """`now` is what objects are stamped with, `seconds` what the controllers wait by."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: Callable[[], float] = monotonic


class Core:
    """A cluster: requests go to `application`, and `loop` moves the objects, in its own thread once that is started,
    or in the caller's. Pods become ready `ready_after` seconds after they start.
    """

    def __init__(self, ready_after: float, time: Time | None = None) -> None:
        time = time or Time()
        self.store = Store()
        self._catalog = Catalog()
        self._api = Api(self.store, time.now)
        self.application = Application(self._api, self._catalog)
        self.loop = self._controllers(ready_after, time)

    def begin(self) -> None:
        """Makes the namespaces that every cluster has."""
        for name in _FIRST_NAMESPACES:
            self._api.create(Target(NAMESPACES), {"metadata": {"name": name}})

    def _controllers(self, ready_after: float, time: Time) -> Loop:
        relations = Relations()
        garbage = Garbage(self._api, self._catalog, relations)
        definitions = Definitions(self._api, self._catalog)
        namespaces = Namespaces(self._api, self._catalog)
        daemon_sets = DaemonSets(self._api, relations)
        deployments = Deployments(self._api, relations)
        replica_sets = ReplicaSets(self._api, relations)
        pods = Pods(self._api, ready_after)
        loop = Loop(
            {
                COLLECT: garbage.collect,
                FINALIZE: garbage.finalize,
                DEFINITION: definitions.reconcile,
                NAMESPACE: namespaces.reconcile,
                DAEMON_SET: daemon_sets.reconcile,
                DEPLOYMENT: deployments.reconcile,
                REPLICA_SET: replica_sets.reconcile,
                POD: pods.reconcile,
            },
            [each.route for each in (garbage, definitions, namespaces, daemon_sets, deployments, replica_sets, pods)],
            time.seconds,
        )
        for listener in (self._catalog.notice, relations.notice, loop.notice):
            self.store.listen(listener)
        return loop
