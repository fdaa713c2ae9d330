"""The dashboard of Serin itself: whether its work is done in time, what waits, and which canary needs somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.dashboards.dashboard import Line, Page, Section, make_dashboard, variable
from infra.dashboards.panels import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Look, Query, graph, stat, table, with_fields

if TYPE_CHECKING:
    from infra.dashboards.panels import Json

WINDOW = "$__rate_interval"
_THOSE = 'namespace=~"$namespace"'
_STACKED = {"stacking": {"group": "A", "mode": "normal"}, "fillOpacity": 30}
_CANARY_LINK = (
    "/d/serin-canary?${datasource:queryparam}&var-namespace=${__data.fields.namespace}"
    "&var-primary=${__data.fields.canary}-primary&var-canary=${__data.fields.canary}"
)
_VERDICTS = (("pass", GREEN), ("fail", RED), ("unknown", ORANGE), ("wait", BLUE), ("abort", GREY))
_OUTCOMES = (("succeeded", GREEN), ("failed", RED), ("withdrawn", GREY))
_PHASES = (
    ("Initializing", GREY),
    ("Initialized", BLUE),
    ("Progressing", YELLOW),
    ("Promoting", ORANGE),
    ("Finalising", ORANGE),
    ("Succeeded", GREEN),
    ("Failed", RED),
    ("Terminating", GREY),
)


def _now(title: str, expr: str, look: Look, help_text: str = "") -> Json:
    return stat(title, Query(expr), look, help_text)


def _alarming(unit: str, warning: float, critical: float) -> Look:
    return Look(unit, steps=((None, GREEN), (warning, ORANGE), (critical, RED)))


_NOW = (
    stat(
        "Version",
        Query("serin_info", "{{version}}", instant=True),
        Look(color=BLUE),
        sparkline=False,
    ),
    _now("Canaries", "sum(serin_rollouts)", Look(color=BLUE)),
    _now(
        "Running",
        'sum(serin_rollouts{phase=~"Progressing|Promoting|Finalising"})',
        Look(steps=((None, GREY), (1, YELLOW))),
    ),
    _now("Failed", 'sum(serin_rollouts{phase="Failed"})', Look(steps=((None, GREEN), (1, RED)))),
    _now(
        "Held up",
        'sum(serin_rollout_held{reason=~"blind|error"})',
        Look(steps=((None, GREEN), (1, RED))),
        "Canaries whose checks are not answered, or whose last tick failed",
    ),
    _now(
        "Late by",
        "max(serin_due_lag_seconds)",
        _alarming("s", 30, 120),
        "How long the longest waiting rollout has been due. More than two minutes: nobody calls the heartbeat",
    ),
    _now("Undelivered", "sum(serin_outbox_lines)", _alarming("short", 10, 100)),
    _now("Waiting commands", "sum(serin_waiting_commands)", _alarming("short", 1, 5)),
)


def _ticks() -> Json:
    expr = f"sum(rate(serin_tick_duration_seconds_count{{{_THOSE}}}[{WINDOW}]))"
    held = f"sum(rate(serin_held_ticks_total{{{_THOSE}}}[{WINDOW}]))"
    look = Look("ops", colors=(("done", GREEN), ("not done", RED)))
    text = "Not done: something that a tick needed did not answer"
    return graph("Ticks", (Query(expr, "done"), Query(held, "not done")), look, text)


def _tick_duration() -> Json:
    total, number = (
        f"sum(rate(serin_tick_duration_seconds_{part}{{{_THOSE}}}[{WINDOW}]))" for part in ("sum", "count")
    )
    buckets = f"sum by (le) (rate(flagger_canary_duration_seconds_bucket{{{_THOSE}}}[{WINDOW}]))"
    levels = ((0.5, "run P50"), (0.9, "run P90"), (0.99, "run P99"))
    queries = (
        Query(f"{total} / {number}", "all, mean"),
        *(Query(f"histogram_quantile({level}, {buckets})", name) for level, name in levels),
    )
    return graph("Duration of a tick", queries, Look("s"), "From the first look at the rollout to the decision")


def _backlog() -> Json:
    queries = (
        Query("sum(serin_active_rollouts)", "active"),
        Query("sum(serin_due_rollouts)", "due"),
        Query("sum(serin_outbox_lines)", "undelivered"),
    )
    colors = (("active", BLUE), ("due", ORANGE), ("undelivered", GREY))
    return graph("Backlog", queries, Look(colors=colors))


def _lag() -> Json:
    queries = (
        Query("max(serin_due_lag_seconds)", "rollout due"),
        Query("max(serin_outbox_age_seconds)", "undelivered"),
    )
    steps = ((None, GREEN), (120.0, RED))
    custom = {"thresholdsStyle": {"mode": "dashed"}}
    colors = (("rollout due", ORANGE), ("undelivered", GREY))
    return graph("Longest wait", queries, Look("s", steps=steps, custom=custom, colors=colors))


def _checks() -> Json:
    expr = f"sum by (verdict) (rate(serin_checks_total{{{_THOSE}}}[{WINDOW}]))"
    look = Look("ops", colors=_VERDICTS, custom=_STACKED)
    return graph(
        "Answers of checks", (Query(expr, "{{verdict}}"),), look, "Unknown ones hold a release and never fail it"
    )


def _unknown() -> Json:
    expr = f"sum by (namespace, canary) (serin_rollout_unanswered_checks{{{_THOSE}}})"
    return graph("Unanswered checks in a row", (Query(expr, "{{canary}}.{{namespace}}"),), Look())


def _runs() -> Json:
    expr = f"sum by (outcome) (serin_runs_total{{{_THOSE}}})"
    look = Look(colors=_OUTCOMES, custom={"lineInterpolation": "stepAfter"})
    return graph("Ended runs", (Query(expr, "{{outcome}}"),), look)


def _phases() -> Json:
    expr = f"sum by (phase) (serin_rollout_phase{{{_THOSE}}})"
    look = Look(colors=_PHASES, custom={**_STACKED, "lineInterpolation": "stepAfter"})
    return graph("Canaries by phase", (Query(expr, "{{phase}}"),), look)


def _canaries() -> Json:
    queries = (
        Query(f"max by (namespace, canary, phase) (serin_rollout_phase{{{_THOSE}}})"),
        Query(f"max by (namespace, canary) (serin_rollout_phase_start_timestamp_seconds{{{_THOSE}}}) * 1000"),
        Query(f"max by (namespace, canary) (serin_rollout_failed_checks{{{_THOSE}}})"),
        Query(f"max by (namespace, canary) (serin_rollout_held{{{_THOSE}}})"),
        Query(f"max by (namespace, canary) (serin_last_run_duration_seconds{{{_THOSE}}})"),
    )
    columns = ("", "since", "failed checks", "held up", "last run")
    made = table("Every canary", queries, columns, "A click on a name opens the dashboard of that canary")
    colored = {"type": "value", "options": {phase: {"color": color} for phase, color in _PHASES}}
    yes_or_no = {"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes", "color": RED}}}
    return with_fields(
        made,
        {
            "canary": {"links": [{"title": "Open its dashboard", "url": _CANARY_LINK}]},
            "phase": {"mappings": [colored], "custom.cellOptions": {"type": "color-text"}},
            "since": {"unit": "dateTimeFromNow"},
            "held up": {"mappings": [yes_or_no], "custom.cellOptions": {"type": "color-text"}},
            "last run": {"unit": "s"},
        },
    )


CONTROL_PLANE = make_dashboard(
    Page(
        uid="serin-control-plane",
        title="Serin control plane",
        description="Whether Serin's work is done in time, what waits, and which canary needs somebody",
        sections=(
            Section("NOW", (Line(4, _NOW),)),
            Section("CANARIES", (Line(9, (_phases(), _canaries())),)),
            Section("WORK", (Line(8, (_ticks(), _tick_duration())), Line(8, (_backlog(), _lag())))),
            Section("CHECKS AND RUNS", (Line(8, (_checks(), _unknown(), _runs())),)),
        ),
        variables=(variable("namespace", "Namespace", "label_values(serin_rollout_phase, namespace)", all_too=True),),
    )
)
"""The dashboard."""
