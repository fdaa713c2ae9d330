"""The primary's own copies of the ConfigMaps and Secrets that its revision was promoted with.

With them a change of configuration is a revision like any other: the target's pods see it first, production only
after promotion.

It must never change the objects that are copied.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.render.ownership import SUFFIX, copied_labels, owned_metadata
from shared.revision import config_mentions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.revision import ConfigRef

_CONTENT = ("type", "data", "binaryData")


def copy_config(canary: Canary, source: Json) -> JsonObject:
    """The primary's copy of a ConfigMap or Secret; never ``immutable``, because the next promotion overwrites it."""
    return {
        "apiVersion": "v1",
        "kind": source["kind"],
        "metadata": owned_metadata(canary, f"{source['metadata']['name']}{SUFFIX}", copied_labels(source), {}),
        **{field: deepcopy(source[field]) for field in _CONTENT if source.get(field)},
    }


def rewrite_refs(template: Json, copied: Iterable[ConfigRef]) -> JsonObject:
    """The pod template with each mention of a copied config pointing at its copy."""
    result = deepcopy(dict(template))
    names = {(ref.kind, ref.name) for ref in copied}
    for mention in config_mentions(result):
        if (mention.kind, mention.name) in names:
            mention.node[mention.field] = f"{mention.name}{SUFFIX}"
    return result
