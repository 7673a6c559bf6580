"""A BFL on loopback: plain Python, and nothing of the site or of its BFL client.

It shares no code with generations.bfl so that it cannot share its mistakes.
"""

from __future__ import annotations

from sandbox.faults import Fault, Faults
from sandbox.sandbox import Sandbox
from sandbox.tasks import Task

__all__ = ["Fault", "Faults", "Sandbox", "Task"]
