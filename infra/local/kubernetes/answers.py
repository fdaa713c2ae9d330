"""What answers a request: a status with a whole body, or with a stream."""

from dataclasses import dataclass

from infra.local.kubernetes.bodies import Media
from infra.local.kubernetes.watching import WatchStream


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. The body is bytes, or a stream of lines that ends when it likes."""

    status: int
    body: bytes | WatchStream
    content_type: str = Media.JSON
    headers: tuple[tuple[str, str], ...] = ()
