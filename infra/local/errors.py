"""What ends the demo early: one error, whose text is the sentence that people read."""

from __future__ import annotations


class DemoError(Exception):
    """Something did not go as it must. The text says what, about which object, and what it was like instead."""
