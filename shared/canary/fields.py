"""Reading a JSON object field by field, with every problem kept under the path that its author wrote.

A :class:`Field` is a value and where it stands. ``at`` walks down; ``required``, ``section`` and ``listed`` say what
must be there; the readers (``text``, ``integer``, ...) return a value of the right type or the given default, and
report what is wrong meanwhile. What lies below something absent or broken is read in silence: its parent has said all
there is to say.

Nothing here may raise, whatever the object holds: one Canary with a list where a number belongs must not hold up the
others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from shared.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from shared.json_types import Json

    Rule: TypeAlias = Callable[[str], str | None]
    """What is wrong with a text, as the rest of a sentence that starts with its path; None if nothing is."""

Default = TypeVar("Default")

INT32_MAX = 2**31 - 1
"""Largest value of the integers that Kubernetes and Flagger keep in 32 bits."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value, the path that leads to it, and the list that its problems go to."""

    value: object
    path: str
    problems: list[Problem]

    def at(self, key: str) -> Field:
        """The field ``key`` of this object; absent, and silent about it, if this is no object."""
        path = f"{self.path}.{key}" if self.path else key
        if isinstance(self.value, Mapping):
            return Field(self.value.get(key), path, self.problems)
        return Field(None, path, [])

    def entries(self) -> tuple[Field, ...]:
        """The entries of this list; none, and silent about it, if this is no list."""
        if not isinstance(self.value, list):
            return ()
        return tuple(Field(entry, f"{self.path}[{index}]", self.problems) for index, entry in enumerate(self.value))

    def quiet(self) -> Field:
        """The same field, whose problems go nowhere."""
        return Field(self.value, self.path, [])

    def report(self, message: str) -> None:
        """Keeps ``message`` as a problem of this field."""
        self.problems.append(Problem(self.path, message))

    @property
    def absent(self) -> bool:
        """Null and the empty text count as absent, as they do for Flagger."""
        return self.value is None or self.value == ""

    def required(self) -> Field:
        """Reports this field if it is absent."""
        if self.absent:
            self.report("is required")
        return self

    def section(self) -> Field:
        """Reports this field if it is there and no object."""
        if self.value is not None and not isinstance(self.value, Mapping):
            self.report(f"must be an object, not {show(self.value)}")
        return self

    def listed(self) -> Field:
        """Reports this field if it is there and no list."""
        if self.value is not None and not isinstance(self.value, list):
            self.report(f"must be a list, not {show(self.value)}")
        return self

    def text(self, rule: Rule | None = None, default: str = "") -> str:
        """A text that keeps ``rule``."""
        if self.absent:
            return default
        if not isinstance(self.value, str):
            self.report(f"must be text, not {show(self.value)}")
            return default
        if rule and (complaint := rule(self.value)):
            self.report(complaint)
        return self.value

    def choice(self, options: Collection[str], default: str) -> str:
        """One of ``options``."""
        if self.absent:
            return default
        if isinstance(self.value, str) and self.value in options:
            return self.value
        self.report(f"must be {' or '.join(options)}, not {show(self.value)}")
        return default

    def integer(self, low: int, high: int, default: Default) -> int | Default:
        """A whole number in the closed range; 5.0 is one, as it is for the Kubernetes API, and true is none."""
        if self.value is None:
            return default
        whole = _to_whole(self.value)
        if whole is None or not low <= whole <= high:
            limits = f"of at least {low}" if high >= INT32_MAX else f"from {low} to {high}"
            self.report(f"must be a whole number {limits}, not {show(self.value)}")
            return default
        return whole

    def number(self) -> float | None:
        """Any finite number."""
        if self.value is None:
            return None
        number = _to_number(self.value)
        if number is None:
            self.report(f"must be a number, not {show(self.value)}")
        return number

    def flag(self) -> bool:
        """True or false; false if absent."""
        if self.value is None or isinstance(self.value, bool):
            return bool(self.value)
        self.report(f"must be true or false, not {show(self.value)}")
        return False

    def text_map(self) -> dict[str, str]:
        """An object whose values are all text, as labels are."""
        self.section()
        entries = self.value.items() if isinstance(self.value, Mapping) else ()
        for key, value in entries:
            if not isinstance(value, str):
                self.problems.append(Problem(f"{self.path}[{show(key)}]", f"must be text, not {show(value)}"))
        return {str(key): value for key, value in entries if isinstance(value, str)}

    def blobs(self) -> tuple[Json, ...]:
        """A list of objects that are passed on as they are."""
        found = (entry.required().blob() for entry in self.listed().entries())
        return tuple(blob for blob in found if blob is not None)

    def blob(self) -> Json | None:
        """An object that is passed on as it is."""
        self.section()
        return self.value if isinstance(self.value, Mapping) else None


def find_analysis(spec: Field) -> Field:
    """``spec.analysis``, or ``spec.canaryAnalysis`` if only that is given. Of both, ``analysis`` wins (Flagger)."""
    old = spec.at("canaryAnalysis")
    new = spec.at("analysis")
    return old if new.value is None and old.value is not None else new


def show(value: object) -> str:
    """``value`` for a message: short, on one line, and safe for values that cannot be printed."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return json.dumps(_clip(value))
        case int():
            return str(value) if abs(value) < 10**18 else "a number of more than 18 digits"
        case float():
            return repr(value)
        case list():
            return "a list"
        case _:
            return "an object"


def _clip(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _to_whole(value: object) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case _:
            return None


def _to_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
