"""What the demo says in words: plain lines, the summary at its end, and what to try with ``--keep``.

Plain lines are ASCII, so that every terminal, pipe and log can take them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from infra.local.picture import Answer, Happening, Scene
    from infra.local.story import Facts

_MARGIN = " " * 10


def scene_line(scene: Scene) -> str:
    """The headline of a scene."""
    place = f"{scene.number} of {scene.total}: " if scene.number else ""
    return f"{place}{scene.title}".replace("→", "to")


def happening_line(happening: Happening) -> str:
    """A line of the log, with its time."""
    return f"{happening.at:%H:%M:%S}  {happening.text}"


def answer_line(answer: Answer) -> str:
    """What a check answered last."""
    return f"{_MARGIN}check {answer.name}: {answer.reading} ({answer.bounds}) {answer.verdict}"


def split_line(weight: int) -> str:
    """What the router does with the traffic."""
    return f"{_MARGIN}traffic: primary {100 - weight} %, canary {weight} %"


def summary(facts: Facts) -> tuple[str, ...]:
    """What was shown, one sentence a fact."""
    counts = facts.counts
    share = 100 * counts.canary.errors / max(counts.sent, 1)
    return (
        f"{facts.good} was promoted in {facts.promotion_seconds:.0f} s, after every check had passed at every step",
        f"{facts.bad} was rolled back in {facts.rollback_seconds:.0f} s, after {facts.failed_checks} failed checks",
        f"{counts.sent:,} requests, none lost; {counts.canary.errors} met an error of {facts.bad} ({share:.1f} %)",
    )


def invitation(kubeconfig: Path, namespace: str, app: str, image: str) -> tuple[str, ...]:
    """What to type in another terminal while the stack is kept."""
    return (
        "The bad release is taken back, and all of it stays up until Ctrl-C. In another terminal:",
        "",
        f"export KUBECONFIG={kubeconfig}",
        f"kubectl -n {namespace} get canaries",
        f"kubectl -n {namespace} set image deployment/{app} {app}={image}",
        f"kubectl -n {namespace} describe canary {app}",
        "",
    )


def farewell(seconds: float, *, kept: bool) -> tuple[str, ...]:
    """The last words."""
    done = f"That took {seconds:.0f} s. Nothing is left running, and no file behind."
    if kept:
        return (done,)
    return (
        done,
        "To play with it yourself:  make demo ARGS=--keep",
        "To run it in your cluster: see README.md",
    )
