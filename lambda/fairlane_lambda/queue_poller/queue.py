"""Queues to poll, from the input of the schedule."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Final

RUNNABLE: Final = "RUNNABLE"
IN_USE: Final = ("RUNNING", "STARTING", "SCHEDULED")
OTHER: Final = "other"

_STATES: Final = {
    "service": (RUNNABLE, *IN_USE, "PENDING", "SUBMITTED"),
    "compute": (RUNNABLE, "RUNNING", "STARTING", "PENDING", "SUBMITTED"),
}
_FIELDS: Final = ("name", "kind", "quota", "shares", "limit", "instance_type", "max_pages")
_ANY_INSTANCE: Final = "NUM_INSTANCES"

Units = dict[str, float]


class Queue:
    """Queue to poll.

    Args:
        record: Object with the fields `name`; `kind` (service or compute); `quota` (true if the queue has quota
            shares); `shares` (entitlement of each declared share, by capacity unit); `limit` (capacity limit, by unit);
            `max_pages` (most pages that a poll lists); and optionally `instance_type` (gives the number of GPUs if the
            queue counts instances of any type).
        path: Path of the record in the input, for errors.

    Raises:
        ValueError: If a field is missing or invalid.
    """

    def __init__(self, record: object, path: str) -> None:
        if not isinstance(record, dict):
            raise ValueError(f"{path} must be an object, got {record!r}")
        fields: dict[str, Any] = {**dict.fromkeys(_FIELDS), **record}
        self.name: str = fields["name"]
        self.kind: str = fields["kind"]
        self.quota: bool = fields["quota"]
        self.instance_type: str | None = fields["instance_type"]
        self.max_pages: int = fields["max_pages"]
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"{path}.name must be a queue name, got {self.name!r}")
        if not isinstance(self.kind, str) or self.kind not in _STATES:
            raise ValueError(f"{path}.kind must be service or compute, got {self.kind!r}")
        if not isinstance(self.quota, bool):
            raise ValueError(f"{path}.quota must be true or false, got {self.quota!r}")
        if not isinstance(self.instance_type, str | None):
            raise ValueError(f"{path}.instance_type must be a string, got {self.instance_type!r}")
        if type(self.max_pages) is not int or self.max_pages < 1:
            raise ValueError(f"{path}.max_pages must be a whole number, 1 or more, got {self.max_pages!r}")
        shares = fields["shares"]
        if not isinstance(shares, dict):
            raise ValueError(f"{path}.shares must be an object, got {shares!r}")
        limit = _checked_units(fields["limit"], f"{path}.limit")
        entitlements = {name: _checked_units(units, f"{path}.shares.{name}") for name, units in shares.items()}
        self._any_instance = any(_ANY_INSTANCE in units for units in (limit, *entitlements.values()))
        self.limit = self.units(limit)
        self.shares = {name: self.units(units) for name, units in entitlements.items()}
        self._prefixes = sorted((name[:-1] for name in shares if name.endswith("*")), key=len, reverse=True)

    @property
    def states(self) -> tuple[str, ...]:
        """States to list jobs in, most important state first."""
        return _STATES[self.kind]

    def share(self, identifier: str) -> str:
        """Return the declared share of a share identifier, or `other` if no declared share matches.

        Args:
            identifier: Share identifier of a job.
        """
        if identifier in self.shares:
            return identifier
        return next((f"{prefix}*" for prefix in self._prefixes if identifier.startswith(prefix)), OTHER)

    def units(self, amounts: Mapping[str, float]) -> Units:
        """Return amounts of capacity in the units of the queue's limit.

        If the queue counts instances of any type, the instances of all types are added up. `cpu`, the unit of EKS,
        counts as `VCPU`.

        Args:
            amounts: Amounts by the unit that AWS reports.
        """
        converted: Units = {}
        for unit, amount in amounts.items():
            queue_unit = _ANY_INSTANCE if self._any_instance else "VCPU" if unit == "cpu" else unit
            converted[queue_unit] = converted.get(queue_unit, 0) + amount
        return converted

    def gpus(self, usage: Mapping[str, float], gpus_by_type: Mapping[str, int]) -> float:
        """Return the GPUs of the instances that a service job uses. Unknown instance types count as 0 GPUs.

        Args:
            usage: Number of instances by instance type.
            gpus_by_type: Number of GPUs by instance type.
        """
        return sum(
            quantity * gpus_by_type.get((self.instance_type or "") if unit == _ANY_INSTANCE else unit, 0)
            for unit, quantity in usage.items()
        )


def read_queues(event: object) -> list[Queue]:
    """Return the queues in the input of a poll.

    Args:
        event: Input of the form `{"queues": [...]}`.

    Raises:
        ValueError: If the input is malformed, a queue is invalid, or two queues have the same name.
    """
    records: Any = event.get("queues") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise ValueError(f'the input must be {{"queues": [...]}}, got {event!r}')
    queues = [Queue(record, f"queues[{index}]") for index, record in enumerate(records)]
    names = [queue.name for queue in queues]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{names.count(name)} queues are named {name!r}: give each queue once")
    return queues


def amounts(usage: Iterable[Mapping[str, Any]] | None) -> Units:
    """Return amounts of capacity by unit.

    Args:
        usage: Pairs of `capacityUnit` and `quantity`, as AWS reports them.
    """
    amounts_by_unit: Units = {}
    for item in usage or []:
        unit = item.get("capacityUnit", "")
        amounts_by_unit[unit] = amounts_by_unit.get(unit, 0) + item.get("quantity", 0)
    return amounts_by_unit


def _checked_units(units: object, path: str) -> Units:
    if not isinstance(units, dict):
        raise ValueError(f"{path} must be an object of amounts by capacity unit, got {units!r}")
    for unit, amount in units.items():
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < inf:
            raise ValueError(f"{path}.{unit} must be a number, 0 or more, got {amount!r}")
    return units
