"""Every setting, from the environment, read and checked once at start. A wrong value stops the start and names its
variable.

It must never be read anywhere else: whoever needs a setting is given it.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shared.chat.roles import Roles, find_role_gaps, parse_roles
from shared.clusters.registry import VARIABLE, Allowance, ByKubeconfig, Cluster, InCluster, check_name, parse_clusters
from shared.errors import InvalidSettings, Problem
from shared.identity.path_secret import SHORTEST, find_problems
from shared.identity.shared_token import complain
from shared.jobs.choice import PLACE
from shared.notices.choice import SLACK_API, find_gaps, read_api, read_channel, read_links, read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMESPACE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
METRICS_AUTH = ("none", "bearer", "basic", "google")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can choose; the variable of each is ``SERIN_`` and its name in capitals."""

    store: str = "sqlite:///serin.db"
    """``sqlite:///FILE``, ``sqlite://`` (in memory) or ``firestore://PROJECT/DATABASE``."""
    history_days: int | None = None
    """Days for which what is written of a run is kept, 1 to 36500; empty: for ever. Rollouts themselves never go."""
    cluster: str = "default"
    """Name of the cluster in the store and in messages."""
    kubeconfig: str = ""
    """Path of a kubeconfig; empty: the pod's own service account."""
    clusters: tuple[Cluster, ...] = ()
    """Several clusters instead of the one above: a JSON object, or its file; see ``shared/clusters/registry``."""
    namespaces: tuple[str, ...] = ()
    """Namespaces that Serin looks after, separated by commas; empty: all. It needs no rights in any other."""
    metrics_server: str = "http://prometheus.istio-system:9090"
    """Base URL of the Prometheus that Canaries without ``spec.metricsServer`` use."""
    metrics_auth: str = "none"
    """``none``, ``bearer``, ``basic``, or ``google`` for Managed Service for Prometheus."""
    metrics_user: str = ""
    """User name for ``basic``."""
    metrics_password: str = field(default="", repr=False)
    """Password for ``basic``, token for ``bearer``."""
    metrics_ca: str = ""
    """Path of a CA bundle for the metrics server."""
    cross_namespace_refs: bool = True
    """``true`` or ``false``: whether a Canary may name MetricTemplates and AlertProviders of other namespaces
    (the opposite of Flagger's ``-no-cross-namespace-refs``)."""
    egress_allow: tuple[str, ...] = ()
    """Hosts that hooks and metrics may be asked at, separated by commas (names, ``*.suffix``, addresses, ``*``).

    Empty: every host but loopback. Link-local and metadata addresses are never asked.
    """
    hash_key: tuple[str, ...] = field(default=(), repr=False)
    """Keys the hashes of Secrets, at least 16 characters; with a SQLite file one is made and kept beside it. During a
    change two, separated by a comma: the first is used, the other is known."""
    scheduler: str = ""
    """Where the Cloud Scheduler jobs are, ``projects/P/locations/L``; empty: something else calls the tick function."""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that the webhook's path may end with, separated by commas: the old and the new one during a change."""
    callers: tuple[str, ...] = ()
    """Service accounts that may call the tick and event functions; empty: only callers on loopback."""
    audiences: tuple[str, ...] = ()
    """Audiences that their tokens may be for, usually the functions' URLs."""
    scrape_tokens: tuple[str, ...] = field(default=(), repr=False)
    """Bearer tokens that may read the metrics, separated by commas: the old and the new one during a change.

    Empty: only callers on loopback may.
    """
    slack_token: str = field(default="", repr=False)
    """Bot token (``xoxb-...``) of the Slack app: each run has one message, with buttons, in ``slack_channel``."""
    slack_channel: str = ""
    """Where to: a channel's id (``C...``) for the app; for an incoming webhook its name will do."""
    slack_url: str = field(default="", repr=False)
    """Slack incoming webhook, for those without an app (Flagger's ``-slack-url``)."""
    slack_user: str = "serin"
    """Name under which an incoming webhook speaks (Flagger's ``-slack-user``)."""
    slack_api: str = SLACK_API
    """Base URL of Slack's API. Response URLs must be on its host, or on hooks.slack.com if it is Slack's own."""
    slack_signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Signing secret of the Slack app; during a change the new and the old one, separated by a comma."""
    slack_roles: Roles = field(default_factory=Roles)
    """Who may ask for what in Slack: a JSON object, or its file; see ``shared/chat/roles``. Nobody, without it."""
    slack_address: str = ""
    """URL of the slack function itself, where a function gets no time after its answer: what takes longer goes on
    in a call of its own."""
    slack_command: str = "/canary"
    """Name of the slash command, for the examples in answers."""
    links: tuple[tuple[str, str], ...] = ()
    """Links in messages, separated by commas: ``Grafana=https://grafana.example.com/d/x?var-app={name}``, with
    ``{cluster}``, ``{namespace}``, ``{name}`` and ``{run}``."""
    concurrency: int = 8
    """Rollouts ticked at the same time, 1 to 64."""
    heartbeat_seconds: float = 50.0
    """How long one heartbeat may go on."""
    analysis_seconds: float = 20.0
    """Time for all checks of one tick."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment. Raises InvalidSettings with every problem found."""
    values: dict[str, object] = {}
    problems: list[Problem] = []
    for name, read in _READERS.items():
        variable = f"SERIN_{name.upper()}"
        text = environment.get(variable, "")
        if not text:
            continue
        try:
            values[name] = read(text)
        except InvalidSettings as error:
            problems += error.problems
        except ValueError as error:
            problems.append(Problem(variable, f"{error}, got {text!r}" if name not in _SECRET else str(error)))
    problems += [*_ambiguous(environment), *find_gaps(values), *find_role_gaps(values)]
    problems += [Problem(name, "is not a setting of Serin") for name in sorted(environment) if _unknown(name)]
    if problems:
        raise InvalidSettings("environment", tuple(problems))
    return Settings(**values)  # type: ignore[arg-type]  # each reader gives its field's type


def clusters_of(settings: Settings) -> tuple[Cluster, ...]:
    """The clusters of an installation, at least one.

    The one of ``SERIN_CLUSTER`` has a large allowance: a thousand active Canaries take some 150 requests per second.
    """
    if settings.clusters:
        return settings.clusters
    credentials = ByKubeconfig(settings.kubeconfig) if settings.kubeconfig else InCluster()
    allowance = Allowance(per_second=1000.0, burst=1000)
    return (Cluster(settings.cluster, credentials, allowance=allowance, webhook_secrets=settings.webhook_secrets),)


def installation_keys(settings: Settings) -> tuple[bytes, ...]:
    """The keys for hashes of Secrets; the first is the one that is used.

    With a SQLite file and no ``SERIN_HASH_KEY`` one is made once and kept beside the file.
    """
    if settings.hash_key:
        return tuple(key.encode() for key in settings.hash_key)
    if settings.store == "sqlite://":
        return (secrets.token_bytes(32),)
    if not settings.store.startswith("sqlite:///"):
        raise InvalidSettings(
            "environment", (Problem("SERIN_HASH_KEY", f"must be given with the store {settings.store}"),)
        )
    path = Path(settings.store.removeprefix("sqlite:///") + ".key")
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
    return (path.read_bytes(),)


def _ambiguous(environment: Mapping[str, str]) -> list[Problem]:
    """Settings of the one cluster, where there are several."""
    if not environment.get(VARIABLE):
        return []
    single = [name for name in _SINGLE if environment.get(name)]
    return [Problem(name, f"must not be given with {VARIABLE}, which says it for each cluster") for name in single]


def _unknown(name: str) -> bool:
    return name.startswith("SERIN_") and name.removeprefix("SERIN_").lower() not in _READERS and name not in _FOR_TESTS


def _text(text: str) -> str:
    return text


def _name(text: str) -> str:
    if complaint := check_name(text):
        raise ValueError(complaint)
    return text


def _clusters(text: str) -> tuple[Cluster, ...]:
    return parse_clusters(_inline_or_file(text))


def _roles(text: str) -> Roles:
    return parse_roles(_inline_or_file(text))


def _inline_or_file(text: str) -> str:
    try:
        return text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        raise ValueError("must be a JSON object, or the path of a file that holds one") from None


def _store(text: str) -> str:
    if not text.startswith(("sqlite://", "firestore://")):
        raise ValueError("must be sqlite:///path, sqlite:// or firestore://PROJECT/DATABASE")
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be an http or https URL")
    return text


def _auth(text: str) -> str:
    if text not in METRICS_AUTH:
        raise ValueError(f"must be one of {', '.join(METRICS_AUTH)}")
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError("must be the path of a file")
    return text


def _keys(text: str) -> tuple[str, ...]:
    values = _patterns(text)
    if not values or min(map(len, values)) < 16:
        raise ValueError("must have at least 16 characters, or be two such keys with a comma")
    return values


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _namespaces(text: str) -> tuple[str, ...]:
    names = _patterns(text)
    if not all(_NAMESPACE.fullmatch(name) for name in names):
        raise ValueError("must be names of namespaces, separated by commas")
    return names


def _place(text: str) -> str:
    if not PLACE.fullmatch(text):
        raise ValueError("must be projects/PROJECT/locations/LOCATION")
    return text


def _secrets(text: str) -> tuple[str, ...]:
    values = _patterns(text)
    problems = find_problems({"": values})
    if problems:
        found = "; ".join(problem.message for problem in problems)
        raise ValueError(f"must be at least {SHORTEST} letters, digits or -._~, or two such with a comma; it {found}")
    return values


def _tokens(text: str) -> tuple[str, ...]:
    values = _patterns(text)
    if any(complaint := complain(value) for value in values):
        raise ValueError(complaint)
    return values


def _signing_secrets(text: str) -> tuple[str, ...]:
    values = _patterns(text)
    if not values or not all(re.fullmatch(r"[0-9A-Za-z]{16,}", value) for value in values):
        raise ValueError("must be the app's signing secret, of at least 16 letters and digits, or two with a comma")
    return values


def _command(text: str) -> str:
    if not re.fullmatch(r"/[^\s/]{1,31}", text):
        raise ValueError("must be a slash and a name of at most 31 characters, without spaces")
    return text


def _threads(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise ValueError("must be a whole number from 1 to 64")
    return int(text)


def _days(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 36500:
        raise ValueError("must be a whole number of days from 1 to 36500")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 3600:
        raise ValueError("must be a number of seconds, above 0 and up to 3600")
    return value


_READERS: Mapping[str, Callable[[str], object]] = {
    "store": _store,
    "history_days": _days,
    "cluster": _name,
    "kubeconfig": _file,
    "clusters": _clusters,
    "namespaces": _namespaces,
    "metrics_server": _url,
    "metrics_auth": _auth,
    "metrics_user": _text,
    "metrics_password": _text,
    "metrics_ca": _file,
    "cross_namespace_refs": _flag,
    "egress_allow": _patterns,
    "hash_key": _keys,
    "scheduler": _place,
    "webhook_secrets": _secrets,
    "callers": _patterns,
    "audiences": _patterns,
    "scrape_tokens": _tokens,
    "slack_token": read_token,
    "slack_channel": read_channel,
    "slack_url": _url,
    "slack_user": _text,
    "slack_api": read_api,
    "slack_signing_secrets": _signing_secrets,
    "slack_roles": _roles,
    "slack_address": _url,
    "slack_command": _command,
    "links": read_links,
    "concurrency": _threads,
    "heartbeat_seconds": _seconds,
    "analysis_seconds": _seconds,
}

_SINGLE = ("SERIN_CLUSTER", "SERIN_KUBECONFIG", "SERIN_WEBHOOK_SECRETS")
_SECRET = frozenset(
    {
        "clusters",
        "hash_key",
        "metrics_password",
        "scrape_tokens",
        "slack_signing_secrets",
        "slack_token",
        "slack_url",
        "webhook_secrets",
    }
)
_FOR_TESTS = frozenset({"SERIN_REQUIRE_REAL", "SERIN_CACHE", "SERIN_FIRESTORE_EMULATOR_JAR"})
