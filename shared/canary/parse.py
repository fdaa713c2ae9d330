"""The Canary as the Kubernetes API returns it, read into :class:`shared.canary.model.Canary`.

Everything that is wrong is found in one reading and named by the path its author wrote, so that nobody has to apply a
manifest five times to learn of five mistakes. Defaults are Flagger's.

It must never raise anything but InvalidCanary, whatever the object holds, and never talk to a cluster: whether the
target exists is not a property of the Canary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.analysis import read_analysis
from shared.canary.fields import INT32_MAX, Field, find_analysis
from shared.canary.gateway_api import check_gateway_api
from shared.canary.model import HPA, SCALED_OBJECT, AutoscalerRef, Canary, Provider
from shared.canary.names import check_label, check_object, check_url
from shared.canary.service import read_service
from shared.canary.strategy import check_match, check_protocol, check_strategy, read_provider, without_router
from shared.canary.target import read_ref, read_target
from shared.canary.unsupported import report_refused
from shared.errors import InvalidCanary
from shared.workload import DAEMON_SET, SERVICE

if TYPE_CHECKING:
    from shared.canary.model import Analysis
    from shared.json_types import Json

API_VERSIONS = ("flagger.app/v1beta1", "flagger.app/v1alpha3")
"""The versions that are read; they differ only in the names that their authors use."""

_DEADLINE_SECONDS = 600
_SCALERS = {HPA: ("autoscaling/", "autoscaling/v2"), SCALED_OBJECT: ("keda.sh/", "keda.sh/v1alpha1")}
_INT64_MAX = 2**63 - 1


def parse_canary(obj: Json) -> Canary:
    """The Canary that ``obj`` describes, with every default filled in; InvalidCanary with every problem found."""
    root = Field(obj, "", [])
    root.required().section()
    canary = _read_canary(root)
    report_refused(root)
    if root.problems:
        raise InvalidCanary(_name_subject(canary), tuple(dict.fromkeys(root.problems)))
    return canary


def _read_canary(root: Field) -> Canary:
    root.at("kind").required().choice(("Canary",), "")
    metadata = root.at("metadata").required().section()
    spec = root.at("spec").required().section()
    target = spec.at("targetRef")
    namespace = metadata.at("namespace").required().text(check_label)
    return Canary(
        namespace=namespace,
        name=metadata.at("name").required().text(check_object),
        uid=metadata.at("uid").text(),
        created=metadata.at("creationTimestamp").text(),
        generation=metadata.at("generation").integer(0, _INT64_MAX, 0),
        api_version=root.at("apiVersion").required().choice(API_VERSIONS, ""),
        target=read_target(spec),
        service=read_service(spec.at("service").required().section(), target.at("name")),
        analysis=_read_strategy(spec, namespace),
        provider=read_provider(spec.at("provider")),
        autoscaler=_read_autoscaler(spec.at("autoscalerRef").section(), target),
        progress_deadline=float(spec.at("progressDeadlineSeconds").integer(1, INT32_MAX, _DEADLINE_SECONDS)),
        skip_analysis=spec.at("skipAnalysis").flag(),
        suspend=spec.at("suspend").flag(),
        metrics_server=spec.at("metricsServer").text(check_url) or None,
        revert_on_deletion=spec.at("revertOnDeletion").flag(),
        deleting=not metadata.at("deletionTimestamp").absent,
        finalizers=_read_finalizers(metadata.at("finalizers")),
        resource_version=metadata.at("resourceVersion").text(),
    )


def _read_strategy(spec: Field, namespace: str) -> Analysis:
    field = find_analysis(spec).required().section()
    analysis, provider = read_analysis(field, namespace), read_provider(spec.at("provider").quiet())
    check_strategy(field, provider)
    check_match(field.at("match"))
    check_protocol(field, spec.at("service").at("appProtocol"))
    if provider.is_gateway_api:
        check_gateway_api(spec.at("service"), field)
    return without_router(analysis) if provider is Provider.KUBERNETES else analysis


def _read_finalizers(field: Field) -> tuple[str, ...]:
    return tuple(entry.value for entry in field.listed().entries() if isinstance(entry.value, str))


def _read_autoscaler(field: Field, target: Field) -> AutoscalerRef | None:
    """The autoscaler, unless the target has no size that it could change."""
    if field.value is None or target.at("kind").value in (DAEMON_SET, SERVICE):
        return None
    ref = read_ref(field)
    limits = field.at("primaryScalerReplicas").section()
    low = limits.at("minReplicas").integer(1, INT32_MAX, None)
    high = limits.at("maxReplicas").integer(1, INT32_MAX, None)
    if low is not None and high is not None and low > high:
        limits.report(f"has minReplicas {low} above maxReplicas {high}")
    group, example = _SCALERS.get(ref.kind, ("", ""))
    if ref.api_version and not ref.api_version.startswith(group):
        field.at("apiVersion").report(f"must be a version of {group.rstrip('/')} for a {ref.kind}, such as {example}")
    return AutoscalerRef(ref, low, high, field.at("primaryScalerQueries").text_map())


def _name_subject(canary: Canary) -> str:
    named = canary.name and canary.namespace and not (check_object(canary.name) or check_label(canary.namespace))
    return f"Canary {canary}" if named else "Canary"
