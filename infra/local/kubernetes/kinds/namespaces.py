"""Namespaces and ServiceAccounts (pkg/registry/core)."""

from infra.local.kubernetes import names
from infra.local.kubernetes.kinds.kind import Kind, has_finalizers, keep_spec, keep_status
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.objects import JsonObject, items

NAME_LABEL = "kubernetes.io/metadata.name"


def _complete(obj: JsonObject) -> None:
    if name := obj["metadata"].get("name"):
        obj["metadata"].setdefault("labels", {})[NAME_LABEL] = name


def _begin(obj: JsonObject) -> None:
    obj["spec"] = {"finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}
    _complete(obj)  # a generated name was not known before


def _inherit(new: JsonObject, old: JsonObject) -> None:
    keep_spec(new, old)
    keep_status(new, old)


def _terminate(obj: JsonObject) -> None:
    obj["status"]["phase"] = "Terminating"


def _lingers(obj: JsonObject) -> bool:
    """A namespace stays until its contents are gone and whoever saw to that has emptied `spec.finalizers`."""
    return has_finalizers(obj) or bool(items(obj, "spec", "finalizers"))


NAMESPACE = Kind(
    read=through("io.k8s.api.core.v1.Namespace"),
    complete=_complete,
    check_name=names.dns_label,
    begin=_begin,
    inherit=_inherit,
    subresources={"status": keep_spec, "finalize": keep_status},
    terminate=_terminate,
    lingers=_lingers,
    returns_deleted=True,
)

SERVICE_ACCOUNT = Kind(read=through("io.k8s.api.core.v1.ServiceAccount"), returns_deleted=True)
