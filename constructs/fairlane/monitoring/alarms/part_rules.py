"""Shares and reasons that alarms name, checked against what their queues have. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence

from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.alarm_limits import AlarmLimits
from fairlane.monitoring.alarms.kinds.limit import Limit

Parts = Mapping[str, Sequence[str]]
"""What a queue has by the name of the limit's field: `shares` and `reasons`."""


def unknown_part_problems(
    queues: Mapping[str, Parts], limits: AlarmLimits, queue_limits: Mapping[str, AlarmLimits]
) -> Iterator[tuple[Problem, list[str]]]:
    """Yield shares and reasons that no queue of the limit has, each with the names of those queues.

    Args:
        queues: By name, what each queue has.
        limits: Limits of queues that have none of their own; problems are in `limits`.
        queue_limits: Limits by a queue's name; problems are in `queue_limits`.
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
        known = list(dict.fromkeys(part for name in names for part in queues[name][limit.parts]))
        for index, part in enumerate(getattr(limit, limit.parts) or ()):
            if part not in known:
                of = f"queue{'s' if len(names) > 1 else ''} {', '.join(names)}"
                yield Problem((*field, limit.parts, index), part, f"one of {of}: {', '.join(known) or 'none'}"), names
