"""Lets a Python process find a cluster's Services by their names, as DNS and kube-proxy do for a pod.

It is imported by every Python that has this folder on its PYTHONPATH. SERVICES holds a JSON object of ``NAME:PORT`` and
the port of loopback where that Service is. Each name gets an address of its own, not a loopback one, for those are
refused by what is under test; connections to it end at the local port. It must import nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

_PORTS: dict[str, int] = json.loads(os.environ["SERVICES"])
_NAMES = sorted({service.rpartition(":")[0] for service in _PORTS})
_ADDRESSES = {name: f"10.96.0.{number}" for number, name in enumerate(_NAMES, 1)}
_LOCAL = {
    (_ADDRESSES[name], int(port)): ("127.0.0.1", local)
    for service, local in _PORTS.items()
    for name, _, port in [service.rpartition(":")]
}
_resolve = socket.getaddrinfo
_connect = socket.socket.connect


def _getaddrinfo(host: Any, *more: Any, **options: Any) -> Any:
    return _resolve(_ADDRESSES.get(host, host), *more, **options)


def _connect_to_service(self: socket.socket, address: Any) -> None:
    _connect(self, _LOCAL.get(tuple(address[:2]), address) if isinstance(address, tuple) else address)


socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _connect_to_service  # type: ignore[assignment, method-assign]  # on purpose
