"""Which rollouts a hint concerns, and what a rollout has to watch so that it can be found.

A rollout keeps what it depends on as references (``deployment/x``, ``configmap/y``), and the stores have an index of
them: a hint costs one indexed query, however many rollouts there are and however many objects change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hint import HintKind
from shared.rollout import RolloutKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.canary.model import Canary
    from shared.hint import Hint
    from shared.revision import ConfigRef
    from shared.rollout import Revision
    from shared.state.store import Store


def concerned(store: Store, cluster: str, hint: Hint) -> Sequence[RolloutKey]:
    """The rollouts that have to look because of ``hint``, in the order of their keys.

    A Canary's own hint concerns the rollout of its name, which may not exist yet, and costs nothing; any other is one
    query. Raises what the store raises.
    """
    if hint.kind is HintKind.CANARY:
        return (RolloutKey(cluster, hint.namespace, hint.name),)
    return store.watching(cluster, hint.namespace, hint.ref)


def watches_of(canary: Canary, revision: Revision, mentioned: Iterable[ConfigRef] = ()) -> tuple[str, ...]:
    """What the Canary's rollout depends on, sorted: its target, and the configs of its target's revision.

    ``mentioned`` are those that the target's pods name (``revision.tracked_refs``). They count beside the revision's,
    which has none that does not exist yet or is not tracked now; their creation makes a new revision.
    """
    target = f"{canary.target.word}/{canary.target.name}"
    return tuple(sorted({target, *revision.configs, *map(str, mentioned)}))
