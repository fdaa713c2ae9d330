"""The indexes of a database, asked for with Google's own client at a local server of the Firestore Admin API's two
methods: the emulator has none of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # ships no types
import pytest
from google.cloud import firestore_admin_v1 as admin
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport
from google.cloud.firestore_admin_v1.types import Field, GetFieldRequest, ListIndexesRequest, ListIndexesResponse

from shared.errors import StoreUnavailable
from shared.state.indexes import NEEDED, Database, read_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUPS = "projects/p/databases/d/collectionGroups"
ORDER, CONTAINS = admin.Index.IndexField.Order.ASCENDING, admin.Index.IndexField.ArrayConfig.CONTAINS


def index_of(number: int, fields: tuple[tuple[str, str], ...]) -> admin.Index:
    """An index as the API has it."""
    made = [
        admin.Index.IndexField(field_path=name, array_config=CONTAINS)
        if mode == "CONTAINS"
        else admin.Index.IndexField(field_path=name, order=ORDER)
        for name, mode in (*fields, ("__name__", "ASCENDING"))
    ]
    return admin.Index(name=f"{GROUPS}/rollouts/indexes/{number}", state=admin.Index.State.READY, fields=made)


def list_indexes(request: ListIndexesRequest, context: grpc.ServicerContext) -> ListIndexesResponse:
    """One index a page."""
    if request.parent != f"{GROUPS}/-":
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
    number = int(request.page_token or 0)
    more = str(number + 1) if number + 1 < len(NEEDED) else ""
    return ListIndexesResponse(indexes=[index_of(number, NEEDED[number].fields)], next_page_token=more)


def get_field(request: GetFieldRequest, _: grpc.ServicerContext) -> Field:
    """The history of runs expires, that of events does not."""
    ttl = Field.TtlConfig(state=Field.TtlConfig.State.ACTIVE) if "/runs/" in request.name else None
    return Field(name=request.name, ttl_config=ttl)


def handler(request: Any, response: Any, answer: Callable[[Any, grpc.ServicerContext], Any]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.deserialize, response_serializer=response.serialize
    )


@pytest.fixture
def connect() -> Iterator[Callable[[], admin.FirestoreAdminClient]]:
    """Google's client at the local server."""
    server = grpc.server(ThreadPoolExecutor(2))
    methods = {
        "ListIndexes": handler(ListIndexesRequest, ListIndexesResponse, list_indexes),
        "GetField": handler(GetFieldRequest, Field, get_field),
    }
    service = "google.firestore.admin.v1.FirestoreAdmin"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    yield lambda: admin.FirestoreAdminClient(transport=FirestoreAdminGrpcTransport(channel=channel))
    channel.close()
    server.stop(grace=0).wait()


def test_indexes_come_in_pages_and_retention_by_its_field(connect: Callable[[], admin.FirestoreAdminClient]) -> None:
    assert read_database("p", "d", connect) == Database(NEEDED, frozenset({"runs"}))


def test_what_may_not_be_read_is_said(connect: Callable[[], admin.FirestoreAdminClient]) -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot be read \(PermissionDenied\)"):
        read_database("other", "d", connect)
