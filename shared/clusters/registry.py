"""Which clusters an installation serves: reads ``SERIN_CLUSTERS``, and names every problem in it at once.

It is a JSON object of clusters by name. The name stands in the store, in logs and in commands. ::

    {"prod-eu": {"api": "https://10.0.0.2",               URL of the API server, with google and tokenFile
                 "ca": "/etc/serin/prod-eu.pem",          file or PEM text; absent: the authorities of the system
                 "credentials": {"google": true},         exactly one, see below
                 "metricsServer": "https://prom.example", absent: SERIN_METRICS_SERVER
                 "requestsPerSecond": 20, "burst": 40,    of one process, all threads together; the defaults
                 "webhookSecrets": ["/etc/serin/hook"]}}  files (whatever has a slash) or the secrets themselves

    credentials
      {"google": true}                         the service account that Google finds for this process (GKE)
      {"tokenFile": "/path"}                   a bearer token, read for each request: rotate it at any time
      {"kubeconfig": "/path"}                  also with "context"; read again every five minutes
      {"kubeconfigSecret": "projects/P/secrets/S/versions/latest"}    the same, out of Google's Secret Manager
      {"inCluster": true}                      the service account of the pod

It must never look at a file: a process that has no business with a cluster need not have its credentials. And it must
never repeat a secret in a message.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from shared.canary.fields import INT32_MAX, Field, show
from shared.errors import InvalidSettings, Problem
from shared.identity.path_secret import SHORTEST
from shared.json_setting import load_setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


VARIABLE = "SERIN_CLUSTERS"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_FASTEST = 1000.0
_PEM = "-----BEGIN CERTIFICATE-----"
_SECRET = re.compile(rf"[A-Za-z0-9._~-]{{{SHORTEST},}}")
_SECRET_VERSION = re.compile(r"projects/[\w:.-]+(/locations/[a-z0-9-]+)?/secrets/[\w-]+/versions/[\w-]+")


@dataclass(frozen=True, slots=True)
class ByGoogle:
    """The Application Default Credentials of this process."""


@dataclass(frozen=True, slots=True)
class ByTokenFile:
    """A file that holds a bearer token."""

    path: str


@dataclass(frozen=True, slots=True)
class ByKubeconfig:
    """A kubeconfig; an empty ``context`` is its current one."""

    path: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class ByKubeconfigSecret:
    """A kubeconfig that is a secret's version, ``projects/P/secrets/S/versions/V``."""

    version: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class InCluster:
    """The service account of the pod that this process runs in, and the cluster around it."""


Credentials: TypeAlias = ByGoogle | ByTokenFile | ByKubeconfig | ByKubeconfigSecret | InCluster

_FORMS: Mapping[str, tuple[str, ...]] = {
    "google": (),
    "tokenFile": (),
    "kubeconfig": ("context",),
    "kubeconfigSecret": ("context",),
    "inCluster": (),
}
"""Kinds of credentials, and what may stand beside each."""
_PLACED = ("google", "tokenFile")
"""Those that do not say where the cluster is."""
_KEYS = ("api", "ca", "credentials", "metricsServer", "requestsPerSecond", "burst", "webhookSecrets")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much one process may ask of a cluster: requests per second in the long run, and at once after a pause."""

    per_second: float = 20.0
    burst: int = 40


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. Empty texts: nothing is given, see the module."""

    name: str
    credentials: Credentials
    api: str = ""
    ca: str = ""
    metrics_server: str = ""
    allowance: Allowance = Allowance()
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


def parse_clusters(text: str) -> tuple[Cluster, ...]:
    """The clusters of a JSON text, in its order. InvalidSettings with every problem found."""
    problems: list[Problem] = []
    root = load_setting(text, VARIABLE, problems)
    clusters = tuple(_cluster(name, root.at(name)) for name in _names(root))
    _reject_shared_secrets(clusters, problems)
    if problems:
        raise InvalidSettings("environment", tuple(problems))
    return clusters


def check_name(name: str) -> str | None:
    """What is wrong with the name of a cluster, which becomes a part of keys and paths."""
    if not name or not name.isprintable():
        return "must be a name of printable characters"
    return "must hold neither a colon nor a slash" if ":" in name or "/" in name else None


def is_pem(ca: str) -> bool:
    """Whether ``ca`` is the certificates themselves, and not the path of their file."""
    return _PEM in ca


def is_file(secret: str) -> bool:
    """Whether a webhook secret is the path of a file: a secret is one part of a path and has no slash."""
    return "/" in secret


def _names(root: Field) -> tuple[str, ...]:
    if root.value is None:
        return ()
    if not isinstance(root.value, Mapping) or not root.value:
        root.report('must be an object with at least one cluster, {"NAME": {...}}')
        return ()
    return tuple(root.value)


def _cluster(name: str, entry: Field) -> Cluster:
    if complaint := check_name(name):
        entry.report(complaint)
    if not isinstance(entry.value, Mapping):
        entry.report(f"must be an object, not {show(entry.value)}")
        return Cluster(name, InCluster())
    _reject_unknown(entry, _KEYS)
    form = _form(entry.at("credentials"))
    return Cluster(
        name,
        _credentials(form, entry.at("credentials")),
        *_place(form, entry),
        metrics_server=entry.at("metricsServer").text(_check_url),
        allowance=_allowance(entry),
        webhook_secrets=_webhook_secrets(entry.at("webhookSecrets")),
    )


def _reject_unknown(entry: Field, known: Collection[str]) -> None:
    """A misspelt key would otherwise mean a default that nobody chose."""
    keys = entry.value if isinstance(entry.value, Mapping) else ()
    for key in keys:
        if key not in known:
            entry.at(key).report(f"is not known here; there are {', '.join(known)}")


def _form(credentials: Field) -> str:
    """Which kind of credentials is given; empty if that cannot be said."""
    value = credentials.required().section().value
    if not isinstance(value, Mapping):
        return ""
    given = [form for form in _FORMS if form in value]
    if len(given) != 1:
        credentials.report(f"must have one of {', '.join(_FORMS)}, not {' and '.join(given) or 'none'}")
    known = [key for form in given for key in (form, *_FORMS[form])] or [*_FORMS, "context"]
    _reject_unknown(credentials, known)
    return given[0] if len(given) == 1 else ""


def _credentials(form: str, credentials: Field) -> Credentials:
    value = credentials.at(form)
    match form:
        case "tokenFile":
            return ByTokenFile(value.required().text())
        case "kubeconfig":
            return ByKubeconfig(value.required().text(), credentials.at("context").text())
        case "kubeconfigSecret":
            return ByKubeconfigSecret(value.required().text(_check_version), credentials.at("context").text())
        case "google":
            _require_true(value)
            return ByGoogle()
        case "inCluster":
            _require_true(value)
    return InCluster()


def _require_true(value: Field) -> None:
    if value.value is not True:
        value.report(f"must be true, not {show(value.value)}")


def _place(form: str, entry: Field) -> tuple[str, str]:
    """``api`` and ``ca``; whoever brings credentials that know the place must not give another."""
    api, ca = entry.at("api"), entry.at("ca")
    if not form or form in _PLACED:
        return (api.required() if form else api).text(_check_api), ca.text(_check_ca)
    for given in (api, ca):
        if not given.absent:
            given.report(f"must be left out: {form} says it")
    return "", ""


def _allowance(entry: Field) -> Allowance:
    rate = entry.at("requestsPerSecond")
    per_second = rate.number()
    if per_second is not None and not 0 < per_second <= _FASTEST:
        rate.report(f"must be above 0 and up to {_FASTEST:.0f}, not {show(per_second)}")
        per_second = None
    burst = entry.at("burst").integer(1, INT32_MAX, Allowance().burst)
    return Allowance(Allowance().per_second if per_second is None else per_second, burst)


def _webhook_secrets(listed: Field) -> tuple[str, ...]:
    return tuple(entry.required().text(_check_secret) for entry in listed.listed().entries())


def _reject_shared_secrets(clusters: Iterable[Cluster], problems: list[Problem]) -> None:
    """Whoever calls with a secret is the one cluster that has it."""
    first: dict[str, str] = {}
    for cluster in clusters:
        for index, secret in enumerate(cluster.webhook_secrets):
            path = f"{VARIABLE}.{cluster.name}.webhookSecrets[{index}]"
            if secret and first.setdefault(secret, path) != path:
                problems.append(Problem(path, f"must differ from {first[secret]}"))


def _check_secret(text: str) -> str | None:
    if is_file(text) or _SECRET.fullmatch(text):
        return None
    return f"must be the path of a file (with a slash in it), or at least {SHORTEST} letters, digits and -._~"


def _check_api(text: str) -> str | None:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return "must be an https URL"
    if url.scheme == "http" and host not in LOOPBACK:
        return "must be an https URL: a token would go over the wire in clear"
    if url.scheme not in {"http", "https"} or not host:
        return "must be an https URL"
    if url.username or url.password or url.query or url.fragment:
        return "must have neither credentials nor a query"
    return None


def _check_ca(text: str) -> str | None:
    if not is_pem(text):
        return "must be the path of a file, or PEM text on lines of its own" if "-----" in text else None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "must hold certificates as PEM text"
    return None


def _check_url(text: str) -> str | None:
    return None if text.startswith(("http://", "https://")) else "must be an http or https URL"


def _check_version(text: str) -> str | None:
    if _SECRET_VERSION.fullmatch(text):
        return None
    return "must be projects/PROJECT/secrets/SECRET/versions/VERSION, as in .../versions/latest"
