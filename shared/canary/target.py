"""``spec.targetRef``: what is released, and what then cannot be meant elsewhere in the Canary.

A Service is released by its copies: callers go on calling it by its name, and the router sends them to one of the two.
It has no pods that somebody could scale, and without a router nothing would be between it and its callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.fields import show
from shared.canary.model import ObjectRef, Provider
from shared.canary.names import check_object
from shared.workload import SERVICE, TARGETS, runs_pods

if TYPE_CHECKING:
    from shared.canary.fields import Field

WORKLOAD_API, SERVICE_APIS = "apps/v1", ("v1", "core/v1")
"""``apiVersion`` of targets that run pods; of a Service, where Flagger's users write ``core/v1``."""

APIS = (WORKLOAD_API, *SERVICE_APIS)
"""Every ``apiVersion`` of a target."""

REPLACED = ("portName", "targetPort", "portDiscovery", "headless", "trafficDistribution")
"""Fields of ``spec.service`` that describe generated Services, in place of which there are copies of the target."""


def read_ref(field: Field) -> ObjectRef:
    """A reference to an object of the Canary's namespace."""
    return ObjectRef(
        api_version=field.at("apiVersion").required().text(),
        kind=field.at("kind").required().text(),
        name=field.at("name").required().text(check_object),
    )


def read_target(spec: Field) -> ObjectRef:
    """The target of the Canary with this ``spec``."""
    target = read_ref(spec.at("targetRef").required().section())
    if target.kind in TARGETS and target.api_version in APIS:  # others are refused elsewhere
        _check_api(spec.at("targetRef").at("apiVersion"), target)
        if not runs_pods(target.kind):
            _check_service(spec, target)
    return target


def _check_api(field: Field, target: ObjectRef) -> None:
    expected = (WORKLOAD_API,) if runs_pods(target.kind) else SERVICE_APIS
    if target.api_version not in expected:
        field.report(f"must be {' or '.join(expected)} for a {target.kind}, not {show(target.api_version)}")


def _check_service(spec: Field, target: ObjectRef) -> None:
    """Reports what a target that is a Service leaves no room for."""
    if spec.at("autoscalerRef").value is not None:
        spec.at("autoscalerRef").report(f"cannot be given for a {SERVICE}, which has no pods to scale: remove it")
    if spec.at("provider").value == Provider.KUBERNETES:
        spec.at("provider").report(
            f"must be a router for a {SERVICE}: without one its callers would get each new version at once"
        )
    name = spec.at("service").at("name")
    if isinstance(name.value, str) and name.value not in ("", target.name):
        name.report(f"must be {show(target.name)} or absent: callers know a target that is a {SERVICE} by its own name")
