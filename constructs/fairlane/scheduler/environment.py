"""Environments: capacity that one or more queues use."""

from collections.abc import Mapping
from typing import Final

from fairlane.scheduling import State


class Environment:
    """Service environment or compute environment.

    Attributes:
        index: Index in the engine.
        name: Name.
        limits: Capacity by capacity unit.
        peaks: Largest capacity by capacity unit, now or later. A job that needs more can never run.
        enabled: False if no new run may start.
        free: Free capacity of an environment with one capacity unit. Negative while runs hold more than a lowered
            limit.
    """

    __slots__ = ("enabled", "free", "index", "limits", "name", "peaks")

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self.limits: Mapping[str, int] = {}
        self.peaks: Mapping[str, int] = {}
        self.enabled = True
        self.free = 0

    @property
    def limit(self) -> int:
        """Capacity of all capacity units together."""
        return sum(self.limits.values())

    @property
    def peak(self) -> int:
        """Largest capacity of all capacity units together, now or later."""
        return sum(self.peaks.values())

    def change(self, limits: Mapping[str, int], state: State, peaks: Mapping[str, int]) -> bool:
        """Change the limits and the state, and return True if the peaks change. Runs continue."""
        changes = self.peaks != peaks
        self.peaks = dict(peaks)
        self.free += sum(limits.values()) - self.limit
        self.limits = dict(limits)
        self.enabled = state == State.ENABLED
        return changes


CLOSED: Final = Environment(0, "")
"""Environment without capacity."""
