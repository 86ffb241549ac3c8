"""Rules for shares and reasons that limits name: their queues must have them. Imports no aws_cdk."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from fairlane._internal.checks import listing
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.alarm_limits import AlarmLimits
from fairlane.monitoring.alarms.kinds.limit import Limit

Parts = Mapping[str, Sequence[str]]
"""Parts of a queue by the name of the limit's field: `shares` and `reasons`."""


def unknown_part_problems(
    queues: Mapping[str, Parts], limits: AlarmLimits, queue_limits: Mapping[str, AlarmLimits]
) -> Iterator[tuple[Problem, list[str]]]:
    """Yield shares and reasons that no queue of the limit has, each with the names of those queues.

    Args:
        queues: Parts of each queue, by the queue's name.
        limits: Limits of queues without limits of their own; their problems are in `limits`.
        queue_limits: Limits by queue name; their problems are in `queue_limits`.
    """
    common = {(kind, severity): limit for kind, severity, limit in limits.limits()}
    users: dict[Path, tuple[Limit, list[str]]] = {}
    for name in queues:
        for kind, severity, limit in queue_limits.get(name, limits).limits():
            where: Path = ("limits",) if common.get((kind, severity)) == limit else ("queue_limits", name)
            users.setdefault((*where, kind, severity), (limit, []))[1].append(name)
    for field, (limit, names) in users.items():
        if limit.parts is None:
            continue
        available = dict.fromkeys(part for name in names for part in queues[name][limit.parts])
        for index, part in enumerate(getattr(limit, limit.parts) or ()):
            if part not in available:
                yield _unknown((*field, limit.parts, index), part, limit.parts, available, names), names


def _unknown(field: Path, part: str, parts: str, available: Collection[str], queues: Sequence[str]) -> Problem:
    several = len(queues) > 1
    subject = f"queue{'s' if several else ''} {listing(queues)}"
    if not available:
        verb = "have" if several else "has"
        return Problem.relation(field, f"{subject} {verb} no {parts} for this alarm: remove {part}")
    return Problem(field, part, f"a {parts.removesuffix('s')} of {subject}: {listing(available)}")
