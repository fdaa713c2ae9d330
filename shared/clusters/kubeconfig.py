"""Makes a connection of a kubeconfig, with the official client's own reader.

A file may do all that kubectl lets it, programs and other files included. A text that came over the network may not:
who writes it must not thereby run programs here, or read this machine's files into a request.

It must never show the reader's own error: that may hold the kubeconfig.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

from kubernetes.client import Configuration
from kubernetes.config import load_kube_config, load_kube_config_from_dict
from kubernetes.config.kube_config import KubeConfigMerger

from shared.checks.deadline import call_within
from shared.clusters.connection import Connection, Place
from shared.errors import ClusterUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCAL = {
    "users": ("user", ("exec", "auth-provider", "tokenFile", "client-certificate", "client-key")),
    "clusters": ("cluster", ("certificate-authority",)),
}
"""What runs or reads something here, by list and by the object inside each entry."""

_FRESH_SECONDS = 30.0
"""How long a header is used without asking whether it expires: the official client renews five minutes before."""
_LIMIT = 15.0


def connect_file(path: str, context: str) -> Connection:
    """The connection of a file. ClusterUnavailable if it cannot be used."""
    if not Path(path).is_file():
        raise ClusterUnavailable(f"there is no kubeconfig {path}")
    advice = f"`kubectl --kubeconfig {path} --context {context or 'CONTEXT'} version` tells more"
    loaded = Configuration()

    def read() -> None:
        load_kube_config(path, context or None, loaded, persist_config=False)

    _try(read, f"kubeconfig {path}", advice)
    return _connection(loaded, f"kubeconfig {path}", advice)


def connect_text(text: str, context: str, name: str) -> Connection:
    """The connection of a kubeconfig's text, YAML or JSON; ``name`` is what messages call it."""
    advice = "it must be a kubeconfig with certificates and tokens in it" + (f", and context {context}" * bool(context))
    loaded = Configuration()

    def read() -> None:
        config = KubeConfigMerger(io.StringIO(text)).config
        if found := next(_local_parts(config), ""):
            raise ClusterUnavailable(f"{name} must not have {found}: programs and files of this machine are not for it")
        load_kube_config_from_dict(config, context or None, loaded, persist_config=False)

    _try(read, name, advice)
    return _connection(loaded, name, advice)


def _local_parts(config: object) -> Iterator[str]:
    for listed, (inside, keys) in _LOCAL.items():
        entries = config.get(listed) if isinstance(config, Mapping) else None
        for entry in entries or ():
            yield from (f"{inside}.{key}" for key in keys if key in (entry.get(inside) or {}))


def _try(work: Callable[[], None], name: str, advice: str) -> None:
    try:
        call_within(_LIMIT, work)
    except ClusterUnavailable:
        raise
    except TimeoutError:
        raise ClusterUnavailable(f"{name} gave no credentials within {_LIMIT:.0f} s: {advice}") from None
    except Exception as error:  # noqa: BLE001  the reader raises what its parts raise, and what is in the way of a key
        raise ClusterUnavailable(f"{name} cannot be used ({type(error).__name__}): {advice}") from None


def _connection(loaded: Configuration, name: str, advice: str) -> Connection:
    place = Place(
        host=loaded.host,
        ca_file=loaded.ssl_ca_cert,
        cert_file=loaded.cert_file,
        key_file=loaded.key_file,
        verify=loaded.verify_ssl,
        server_name=loaded.tls_server_name,
        proxy=loaded.proxy,
    )
    renewal = _Renewal(loaded)
    return Connection(place, lambda: renewal.read(lambda work: _try(work, name, advice)))


class _Renewal:
    """Asks the official client, every half minute, for a header that has not expired.

    One thread does it, and the others go on with the header that is there: it works for minutes more. If it cannot be
    renewed until then, a 401 says so, and the kubeconfig is read anew.
    """

    def __init__(self, loaded: Configuration) -> None:
        self._loaded = loaded
        self._lock = Lock()
        self._until = time.monotonic() + _FRESH_SECONDS

    def read(self, attempt: Callable[[Callable[[], None]], None]) -> str:
        """The header's value, empty if there is none."""
        if time.monotonic() >= self._until and self._lock.acquire(blocking=False):
            try:
                self._renew(attempt)
            finally:
                self._lock.release()
        return str(self._loaded.api_key.get("BearerToken", ""))

    def _renew(self, attempt: Callable[[Callable[[], None]], None]) -> None:
        self._until = time.monotonic() + _FRESH_SECONDS
        hook = cast("Callable[[Configuration], None] | None", self._loaded.refresh_api_key_hook)
        if hook is not None:
            with suppress(ClusterUnavailable):
                attempt(lambda: hook(self._loaded))
