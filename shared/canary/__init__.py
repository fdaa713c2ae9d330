"""The Canary resource: what a user wrote, read, defaulted and checked. Pure, and without any outside library.

``parse_canary`` gives a :class:`shared.canary.model.Canary` or every problem at once, ``warnings`` what its author
should know, and ``conflicts`` which Canaries of a cluster want the same objects.
"""

from shared.canary.advice import warnings
from shared.canary.conflicts import conflicts
from shared.canary.parse import parse_canary

__all__ = ["conflicts", "parse_canary", "warnings"]
