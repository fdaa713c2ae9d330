"""What ends a deployment early: one error, whose text says what happened and what to do."""

from __future__ import annotations


class DeployError(Exception):
    """Something is missing, was refused or failed."""


class Declined(Exception):
    """A question was not answered with yes."""


class Interrupted(KeyboardInterrupt):
    """Somebody asked to stop while something ran. It has ended."""
