"""How soon Serin sees a change, and how soon an abort in Slack takes the traffic off the canary.

A real API server calls the webhook of a hosted Serin. A change is seen when the log says "New revision detected!"; the
clock starts when the API server has answered the change. An abort runs from the signed request of Slack to the weights
in the VirtualService.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.hosted import hosted
from tests.support.app import NAME, Release
from tests.support.cluster import install_crds
from tests.support.figures import Section
from tests.support.real_cluster import RealCluster
from tests.support.slack_api import SlackApi
from tests.support.slack_people import SECRET, Somebody, send
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.functions import Functions

CHANGES, ABORTS = 20, 5
SLACK_SECONDS = 3.0
"""What Slack itself allows for an answer: an abort has had its effect by then."""


def measure() -> Section:
    """Change and abort, again and again."""
    with tempfile.TemporaryDirectory() as name, RealCluster(Path(name)) as cluster, SlackApi() as slack:
        install_crds(cluster)
        release = Release(cluster, cluster.create_namespace())
        settings = {
            "SERIN_SLACK_API": slack.base_url,
            "SERIN_SLACK_SIGNING_SECRETS": SECRET,
            "SERIN_SLACK_ROLES": json.dumps({"U0ADA": {"*": ["*"]}}),
        }
        with hosted(release, Path(name), **settings) as functions:
            release.install("istio", interval="60s", metrics=[])
            eventually("initialization", lambda: release.phase() == "Initialized", seconds=120)
            seen = [_seconds_until_seen(release, functions, f"app:{number}") for number in range(2, 2 + CHANGES)]
            somebody = Somebody(hooks=slack.make_response_url())
            aborted = [_seconds_to_abort(release, functions, somebody, f"app:a{turn}") for turn in range(ABORTS)]
    return _section(seen, aborted)


def _section(seen: list[float], aborted: list[float]) -> Section:
    bounds = (
        Bound(f'change to "New revision detected!", median of {CHANGES}', statistics.median(seen), 1.5, "s"),
        Bound("the same, 95th percentile", statistics.quantiles(seen, n=20)[-1], 5.0, "s"),
        Bound(f"abort in Slack to weight 0, slowest of {ABORTS}", max(aborted), SLACK_SECONDS, "s"),
    )
    words = "A real API server calls the webhook of a hosted Serin; the interval of the Canary is a minute."
    return Section("Latency", (words,), (bounds_table(bounds),), broken=broken(bounds))


def _seconds_until_seen(release: Release, functions: Functions, image: str) -> float:
    before = _detections(functions)
    release.upgrade(image)
    began = time.monotonic()
    eventually(f"{image} is seen", lambda: _detections(functions) > before, every=0.02)
    return time.monotonic() - began


def _detections(functions: Functions) -> int:
    return sum(text.startswith("New revision detected!") for text in functions.messages)


def _seconds_to_abort(release: Release, functions: Functions, somebody: Somebody, image: str) -> float:
    release.upgrade(image)
    eventually("the canary has traffic", lambda: release.weights() == (75, 25), seconds=120)
    began = time.monotonic()
    told = send(f"{functions.url}/slack", somebody.type(f"abort {NAME}.{release.namespace} it is measured"))
    what = f"all traffic is on the primary; Slack was told {told.text!r}"
    eventually(what, lambda: release.weights() == (100, 0), every=0.02)
    seconds = time.monotonic() - began
    eventually("the run has ended", lambda: release.phase() == "Failed", seconds=60)
    return seconds
