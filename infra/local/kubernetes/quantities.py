"""Resource quantities (`500m`, `1Gi`, `2e3`) in the one form in which the API server stores each amount.

The rules are those of k8s.io/apimachinery/pkg/api/resource: the notation that was used (decimal, binary, exponent) is
kept, the number in front of the suffix becomes a whole number, as small as it can be. `1000m` is stored as `1`,
`1024Mi` as `1Gi`, `0.5` as `500m`.
"""

import re
from fractions import Fraction
from math import ceil

_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+|)$")
_PATTERN = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()} | {0: ""}
_NANO = Fraction(1, 10**9)


class QuantityError(ValueError):
    """Raised for text that is no quantity, with the sentence of the API server."""


def amount(text: str) -> Fraction:
    """The exact value of a quantity, in its base unit."""
    number, suffix = _split(text)
    if suffix in _BINARY:
        return Fraction(number) * (1 << 10 * _BINARY[suffix])
    return Fraction(number) * Fraction(10) ** _exponent(suffix)


def canonical(text: str) -> str:
    """The stored form of a quantity; finer than a nano unit is rounded up."""
    _, suffix = _split(text)
    value = amount(text)
    if value % _NANO:
        value = ceil(value / _NANO) * _NANO
    if value == 0:
        return "0"
    if suffix in _BINARY and abs(value) >= 1024 and value.denominator == 1:
        return _binary(value.numerator)
    return _decimal(value, exponent_form=suffix[:1] in {"e", "E"} and len(suffix) > 1)


def _split(text: str) -> tuple[str, str]:
    match = _QUANTITY.match(text)
    if match is None:
        raise QuantityError(f"quantities must match the regular expression '{_PATTERN}'")
    return match[1], match[2]


def _exponent(suffix: str) -> int:
    return _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])


def _binary(value: int) -> str:
    power = 0
    while power < 6 and value % 1024 == 0:
        value //= 1024
        power += 1
    return f"{value}{_BINARY_SUFFIX[power]}"


def _decimal(value: Fraction, *, exponent_form: bool) -> str:
    exponent = -9
    while exponent < 18 and (value / Fraction(10) ** (exponent + 3)).denominator == 1:
        exponent += 3
    number = (value / Fraction(10) ** exponent).numerator
    if exponent_form:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"
