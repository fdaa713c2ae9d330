"""The engine: what a rollout needs to see, what it needs to ask, and what it decides.

Pure: no I/O, no clock, no randomness.
"""

from shared.engine.asking import what_to_ask
from shared.engine.decide import Situation, decide
from shared.engine.draft import Decision
from shared.engine.look import look_for

__all__ = ["Decision", "Situation", "decide", "look_for", "what_to_ask"]
