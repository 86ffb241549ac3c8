"""Places of alarms and dashboards in the monitoring stacks of a Region.

The first stack has the exporter, its alarms and the first dashboard. If all the rest fits there, too, it is the only
stack. Otherwise the alarms of each queue and the dashboard of each team go to the further stacks, and dashboard 2 goes
to stack 2, and so on. The place of a queue or a team follows from its name and from the number of stacks alone. One
more stack takes over its part of the queues, and no queue moves between the other stacks (rendezvous hashing). So a
larger environment only moves alarms to stacks with a higher number, which are deployed later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fairlane import ConfigurationError, Problem
from fairlane.environment.job_metrics import MAX_MONITORING_STACKS


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a part of a template.

    Args:
        resources: Number of resources.
        characters: Number of characters in the template.
    """

    resources: int = 0
    characters: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.resources + other.resources, self.characters + other.characters)

    def fits(self, room: "Size") -> bool:
        """Return True if the part fits into the room."""
        return self.part_of(room) <= 1

    def part_of(self, room: "Size") -> float:
        """Return the used part of a room, above 1 if there is not enough room."""
        return max(self.resources / room.resources, self.characters / room.characters)


ROOM: Final = Size(490, 980_000)
"""Room of a stack. CloudFormation accepts 500 resources and 1,000,000 bytes."""
DASHBOARD: Final = Size(1, 490_000)
"""Room of one dashboard in a further stack."""


def place(name: str, stacks: int) -> int:
    """Return the number of the stack that has the alarms of a queue or the dashboard of a team.

    Args:
        name: Name of the queue or team.
        stacks: Number of stacks in the Region.
    """
    if stacks == 1:
        return 1
    return max(range(2, stacks + 1), key=lambda number: sha256(f"{number}/{name}".encode()).digest())


def dashboard_place(number: int, stacks: int) -> int:
    """Return the number of the stack that has a numbered dashboard.

    Args:
        number: Number of the dashboard, from 1.
        stacks: Number of stacks in the Region.
    """
    return 1 if stacks == 1 else number


def count_stacks(
    subject: str,
    first: Size,
    parts: Mapping[str, Size],
    dashboards: Sequence[Size] = (),
    smallest: int = 1,
) -> int:
    """Return the smallest number of stacks that all parts fit into.

    Args:
        subject: Subject of an error.
        first: Size of what the first stack always has.
        parts: Size of the alarms of each queue and of the dashboard of each team, by name.
        dashboards: Size of each numbered dashboard. Default: none.
        smallest: Smallest number of stacks. Default: 1.

    Raises:
        ConfigurationError: If a part does not fit into a stack of its own.
    """
    for stacks in range(smallest, MAX_MONITORING_STACKS + 1):
        sizes = dict.fromkeys(range(1, stacks + 1), Size())
        sizes[1] += first
        if len(dashboards) > stacks > 1:
            continue
        for number, size in enumerate(dashboards, 1):
            # A further stack keeps the room of a whole dashboard, so that a growing dashboard moves no alarms.
            sizes[dashboard_place(number, stacks)] += size if number == 1 or stacks == 1 else DASHBOARD
        for name, size in parts.items():
            sizes[place(name, stacks)] += size
        if all(size.fits(ROOM) for size in sizes.values()):
            return stacks
    parts = {"the exporter": first, **parts}
    name, size = max(parts.items(), key=lambda part: part[1].part_of(ROOM))
    sentence = (
        f"the monitoring does not fit into {MAX_MONITORING_STACKS} stacks of {ROOM.resources} resources and "
        f"{ROOM.characters:,} characters, and its largest part, {name}, takes {size.resources} and "
        f"{size.characters:,}: use fewer shares, severities or alarms"
    )
    raise ConfigurationError(subject, [Problem.relation(("queues",), sentence)])
