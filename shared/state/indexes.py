"""What a Firestore database has to have beside its documents, and what it has: composite indexes, and the retention.

Read through the Admin API, which the emulator does not have; in its names ``-`` stands for every collection.
infra/firestore.indexes.json deploys the same indexes; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore_admin_v1 as admin

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Index:
    """A composite index of a collection; fields with ``ASCENDING``, ``DESCENDING`` or ``CONTAINS``."""

    collection: str
    fields: tuple[tuple[str, str], ...]
    ready: bool = True

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.collection} ({', '.join(name for name, _ in self.fields)})"


NEEDED = (
    Index("rollouts", (("cluster", "ASCENDING"), ("active", "ASCENDING"), ("due_at", "ASCENDING"))),
    Index("rollouts", (("cluster", "ASCENDING"), ("namespace", "ASCENDING"), ("watches", "CONTAINS"))),
)
RETAINED = ("runs", "events")
"""Collections whose documents go when their ``expires_at`` has passed."""


@dataclass(frozen=True, slots=True)
class Database:
    """What there is: composite indexes, and collections with a retention policy on ``expires_at``."""

    indexes: tuple[Index, ...]
    retained: frozenset[str]


def read_database(
    project: str, database: str, connect: Callable[[], admin.FirestoreAdminClient] = admin.FirestoreAdminClient
) -> Database:
    """StoreUnavailable if it cannot be asked; it takes roles/datastore.viewer."""
    place = f"projects/{project}/databases/{database}/collectionGroups"
    try:
        client = connect()
        indexes = client.list_indexes(parent=f"{place}/-", retry=None, timeout=LIMIT_SECONDS)
        fields = [
            client.get_field(name=f"{place}/{collection}/fields/expires_at", retry=None, timeout=LIMIT_SECONDS)
            for collection in RETAINED
        ]
        return Database(tuple(map(read_index, indexes)), _retained(fields))
    except (GoogleAPIError, GoogleAuthError) as error:
        raise StoreUnavailable(f"the indexes cannot be read ({type(error).__name__})") from error


def read_index(index: admin.Index) -> Index:
    """An index as the Admin API tells it; it ends with ``__name__``, which nobody names."""
    fields = ((field.field_path, _mode(field)) for field in index.fields if field.field_path != "__name__")
    collection = index.name.split("/")[-3]
    return Index(collection, tuple(fields), index.state == admin.Index.State.READY)


def _mode(field: admin.Index.IndexField) -> str:
    name = admin.Index.IndexField.ArrayConfig(field.array_config).name
    return str(field.order.name if name == "ARRAY_CONFIG_UNSPECIFIED" else name)


def _retained(fields: Iterable[admin.Field]) -> frozenset[str]:
    active = admin.Field.TtlConfig.State.ACTIVE
    return frozenset(field.name.split("/")[-3] for field in fields if field.ttl_config.state == active)
