"""A setting that is a JSON text: loaded strictly, because a name that stands twice would silently mean the second."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.canary.fields import Field, show
from shared.errors import Problem

if TYPE_CHECKING:
    from shared.json_types import JsonObject


def load_setting(text: str, variable: str, problems: list[Problem]) -> Field:
    """The value of ``text``, with the name of its variable as path; what is wrong with it goes to ``problems``."""

    def keep_each_once(pairs: list[tuple[str, object]]) -> JsonObject:
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        problems.extend(Problem(variable, f"gives {show(name)} twice in one object") for name in twice)
        return dict(pairs)

    try:
        return Field(json.loads(text, object_pairs_hook=keep_each_once), variable, problems)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f": {error.msg}, line {error.lineno}, column {error.colno}" if isinstance(error, ValueError) else ""
        problems.append(Problem(variable, f"is not JSON{where}"))
        return Field(None, variable, [])
