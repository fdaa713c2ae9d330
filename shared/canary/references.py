"""What a Canary uses of other namespaces, for installations in which it may not (``SERIN_CROSS_NAMESPACE_REFS``).

Whoever may write Canaries in one namespace reaches with them the MetricTemplates and AlertProviders of every other, and
so the Secrets that these name. It must never look at anything but the Canary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.fields import Field, find_analysis, show

if TYPE_CHECKING:
    from shared.errors import Problem
    from shared.json_types import Json


def find_foreign(obj: Json) -> tuple[Problem, ...]:
    """Each reference of the Canary ``obj`` to another namespace, by the path that its author wrote."""
    root = Field(obj, "", [])
    own, analysis = root.at("metadata").at("namespace").value, find_analysis(root.at("spec"))
    templates = [metric.at("templateRef").at("namespace") for metric in analysis.at("metrics").entries()]
    providers = [alert.at("providerRef").at("namespace") for alert in analysis.at("alerts").entries()]
    for field in (*templates, *providers):
        if field.value not in (None, "", own):
            field.report(
                f"is {show(field.value)}, and this installation allows no references to other namespaces: "
                f"copy the object to {show(own)} and leave the namespace out"
            )
    return tuple(root.problems)
