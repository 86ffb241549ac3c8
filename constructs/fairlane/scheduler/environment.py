"""Environments: capacity that one or more queues use."""

from collections.abc import Mapping
from typing import Final

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduling import State


@mypyc_attr(serializable=True)
class Environment:
    """Service environment or compute environment.

    Attributes:
        index: Index in the engine.
        name: Name.
        limits: Capacity by capacity unit.
        enabled: False if no new run may start.
        free: Free capacity of an environment with one capacity unit. Negative while runs hold more than a lowered
            limit.
    """

    __slots__ = ("enabled", "free", "index", "limits", "name")

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self.limits: Mapping[str, int] = {}
        self.enabled = True
        self.free = 0

    @property
    def limit(self) -> int:
        """Capacity of all capacity units together."""
        return sum(self.limits.values())

    def change(self, limits: Mapping[str, int], state: State) -> None:
        """Change the limits and the state. Runs continue."""
        self.free += sum(limits.values()) - self.limit
        self.limits = dict(limits)
        self.enabled = state == State.ENABLED


CLOSED: Final = Environment(0, "")
"""Environment without capacity."""
