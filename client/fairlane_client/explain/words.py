"""Words for capacity, times and names in explanations."""

from collections.abc import Sequence
from typing import Final

from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.queue import VCPU

_UNITS: Final = {NUM_INSTANCES: ("instance", "instances"), VCPU: ("vCPU", "vCPUs")}
_MAX_NAMES: Final = 5


def capacity(amount: int, unit: str) -> str:
    """Return an amount of capacity, for example `8 instances` or `8 ml.p5.48xlarge`."""
    one, many = _UNITS.get(unit, (unit, unit))
    return f"{amount:,} {one if amount == 1 else many}"


def is_free(amount: int, unit: str) -> str:
    """Return a sentence about free capacity, for example `8 instances are free`."""
    return f"{capacity(amount, unit)} {'is' if amount == 1 else 'are'} free"


def becomes_free(amount: int, unit: str) -> str:
    """Return a sentence about additional free capacity, for example `8 more instances become free`."""
    number, name = capacity(amount, unit).split(" ", 1)
    return f"{number} more {name} {'becomes' if amount == 1 else 'become'} free"


def need_of(number: int) -> str:
    """Return the start of a sentence about what jobs ahead need, for example `2 jobs ahead need`."""
    return "1 job ahead needs" if number == 1 else f"{number:,} jobs ahead need"


def duration(seconds: float) -> str:
    """Return a number of seconds in its two largest units. A negative number, of clocks that differ, counts as 0."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number or (name == "s" and not parts):
            parts.append(f"{number} {name}")
        elif parts:
            break
    return " ".join(parts[:2])


def names(values: Sequence[str]) -> str:
    """Return names in a sentence, at most five of them."""
    listed = [*values[:_MAX_NAMES], *([f"{len(values) - _MAX_NAMES} more"] if len(values) > _MAX_NAMES else [])]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else "none"
