"""The express lane of a heartbeat: what people ask for does not wait while it sleeps, or while it waits for checks.

A command may come right after the heartbeat went to sleep for an interval, or while every thread of it waits for a
metrics server that does not answer. So one more thread looks for commands every second, and ticks their rollouts at
once; a tick that is under way there loses its commit, as it does to any other.

It must never raise: a store that does not answer is the heartbeat's own trouble, which says so.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from shared.errors import SerinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.rollout import RolloutKey
    from shared.state.store import Store

LANES = 4
"""Commands that are obeyed at the same time."""


@contextmanager
def express_lane(
    store: Store, cluster: str, tick: Callable[[RolloutKey], None], every: float, stop: Event
) -> Iterator[Callable[[float], None]]:
    """While the block runs, ``tick`` rollouts with waiting commands, looked for ``every`` so many seconds.

    Gives a sleep that ends early when that happened, since more falls due then, and when ``stop`` is set, which ends
    the looking.
    """
    ended, ticked = Event(), Event()

    def run() -> None:
        with ThreadPoolExecutor(LANES, thread_name_prefix="express") as pool:
            while not ended.wait(every) and not stop.is_set():
                with suppress(SerinError):
                    if asked := store.asked(cluster):
                        list(pool.map(tick, asked))
                        ticked.set()
        ticked.set()

    def sleep(seconds: float) -> None:
        ticked.wait(seconds)
        ticked.clear()

    thread = Thread(target=run, name="express", daemon=True)
    thread.start()
    try:
        yield sleep
    finally:
        ended.set()
        thread.join()
