"""Who asked what: one entry for each request, as the API server's audit log has them at level Metadata."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request. Fields that a request does not have are empty; `code` is 0 until it is answered."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int = 0
