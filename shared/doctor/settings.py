"""The settings of the process: each wrong one, and those that make no sense together. Pure.

The examination goes on without the wrong ones, as far as it gets.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from shared.doctor.finding import Area
from shared.errors import InvalidSettings
from shared.settings import Settings, clusters_of, read_settings
from shared.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.doctor.finding import Finding
    from shared.errors import Problem

AREA = Area("settings")

_MAKE_SECRET = "openssl rand -hex 32"  # noqa: S105  how to make one
_SET_AGAIN = "correct it, and start Serin again; docs/settings.md has every setting"


def examine_settings(environment: Mapping[str, str]) -> tuple[Settings, tuple[Finding, ...]]:
    """The settings that can be used, and what is to be said of all."""
    settings, problems = _read_the_good(environment)
    found = [AREA.ok("version", f"Serin {VERSION}, Python {platform.python_version()}")]
    found += [AREA.bad(each.path, each.message, _SET_AGAIN) for each in problems]
    found += _gaps(settings)
    given = sum(name.startswith("SERIN_") and bool(value) for name, value in environment.items())
    if not problems:
        found.insert(1, AREA.ok("environment", f"{given} settings, none of them wrong by itself"))
    return settings, tuple(found)


def _read_the_good(environment: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings of all variables that nothing is wrong with. A gap that their absence makes is not told."""
    try:
        return read_settings(environment), ()
    except InvalidSettings as error:
        wrong = {name for problem in error.problems for name in _variables(problem.path, environment)}
        rest = {name: value for name, value in environment.items() if name not in wrong}
        settings = _read_the_good(rest)[0] if len(rest) < len(environment) else Settings()
        return settings, error.problems


def _variables(path: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variable that a problem is in; those that want a channel, if it is that there is none."""
    name = path.partition(".")[0].partition("[")[0]
    return (name,) if name in environment else _WANT_A_CHANNEL


_WANT_A_CHANNEL = ("SERIN_SLACK_TOKEN", "SERIN_SLACK_URL")


def _gaps(settings: Settings) -> Iterator[Finding]:
    yield from _gaps_of_state(settings)
    yield from _gaps_of_callers(settings)
    yield from _gaps_of_metrics(settings)
    yield from _gaps_of_slack(settings)
    for cluster in clusters_of(settings):
        if not cluster.webhook_secrets:
            yield AREA.warning(
                "SERIN_WEBHOOK_SECRETS" if not settings.clusters else f"SERIN_CLUSTERS.{cluster.name}.webhookSecrets",
                "there is none, so the cluster cannot call the webhook and changes are found by the sweep alone",
                "make one, and give it to charts/serin as webhook.secret, too:",
                _MAKE_SECRET,
            )


def _gaps_of_state(settings: Settings) -> Iterator[Finding]:
    if settings.store.startswith("firestore://") and not settings.hash_key:
        yield AREA.bad(
            "SERIN_HASH_KEY",
            f"must be given with the store {settings.store}",
            "make one and keep it, for another one makes every Secret look changed:",
            _MAKE_SECRET,
        )
    if settings.store == "sqlite://":
        yield AREA.warning(
            "SERIN_STORE",
            "is in memory: what is remembered, and the history of the runs, goes with the process",
            "name a file, sqlite:////data/serin.db",
        )


def _gaps_of_callers(settings: Settings) -> Iterator[Finding]:
    if settings.callers and not settings.audiences:
        yield AREA.bad(
            "SERIN_AUDIENCES",
            "is empty, so no token of SERIN_CALLERS is for this Serin, and every caller is turned away",
            "set it to the audience of the scheduler's tokens, which is the URL of the tick function",
        )
    if settings.scheduler and not settings.callers:
        yield AREA.bad(
            "SERIN_CALLERS",
            "is empty, so only callers on loopback may tick, and Cloud Scheduler is none",
            "set it to the service account of the scheduler's jobs",
        )
    if settings.scheduler and settings.store.startswith("sqlite:"):
        yield AREA.warning(
            "SERIN_STORE",
            "is a file or memory of one process, which functions in the cloud do not share",
            "use firestore://PROJECT/DATABASE with SERIN_SCHEDULER",
        )


def _gaps_of_metrics(settings: Settings) -> Iterator[Finding]:
    needed = {"bearer": ("metrics_password",), "basic": ("metrics_user", "metrics_password")}
    for name in needed.get(settings.metrics_auth, ()):
        if not getattr(settings, name):
            yield AREA.bad(
                f"SERIN_{name.upper()}",
                f"is missing, and SERIN_METRICS_AUTH is {settings.metrics_auth}",
                "give it, in a Secret that settingsFrom of charts/serin names, or in Secret Manager",
            )


def _gaps_of_slack(settings: Settings) -> Iterator[Finding]:
    if settings.slack_roles != Settings().slack_roles and not settings.slack_signing_secrets:
        yield AREA.bad(
            "SERIN_SLACK_SIGNING_SECRETS",
            "is missing, so that nothing that Slack sends is believed, whatever SERIN_SLACK_ROLES allows",
            "copy it from the app's page: api.slack.com/apps > Basic Information > Signing Secret",
        )
    if settings.slack_token and not settings.slack_signing_secrets:
        yield AREA.warning(
            "SERIN_SLACK_SIGNING_SECRETS",
            "is missing, so the buttons under messages and the slash command do not work",
            "copy it from the app's page: api.slack.com/apps > Basic Information > Signing Secret",
        )
