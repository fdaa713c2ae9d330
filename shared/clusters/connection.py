"""Where a cluster is, and what proves who is asking: what every kind of credentials comes down to.

The proof is asked for with each request, because most of them expire; the place hardly ever changes, and a new place
means new connections.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubernetes.client import ApiClient, Configuration

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Place:
    """An API server and how TLS with it is done.

    ``ca_pem`` or ``ca_file`` replace the authorities of the system; ``cert_file`` and ``key_file`` are the client's.
    Without ``proxy`` the one of the environment is used.
    """

    host: str
    ca_file: str | None = None
    ca_pem: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A place, and ``authorization``: the value of that header for one request, empty for none.

    It may take seconds, may be called by many threads, and raises ClusterUnavailable when there is nothing to show.
    """

    place: Place
    authorization: Callable[[], str] = field(repr=False)


def open_client(place: Place, connections: int) -> ApiClient:
    """A client with a pool of that many connections and no retries: the next tick is the retry."""
    configuration = Configuration(host=place.host)
    configuration.ssl_ca_cert = place.ca_file
    configuration.ca_cert_data = place.ca_pem
    configuration.cert_file = place.cert_file
    configuration.key_file = place.key_file
    configuration.verify_ssl = place.verify
    configuration.tls_server_name = place.server_name
    if place.proxy:
        configuration.proxy = place.proxy
    configuration.retries = False
    configuration.connection_pool_maxsize = connections
    return ApiClient(configuration)


def authorise(client: ApiClient, value: str) -> None:
    """Lets the requests that follow carry this ``Authorization``."""
    client.configuration.api_key = {"BearerToken": value} if value else {}
