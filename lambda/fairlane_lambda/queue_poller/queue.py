"""The queues to poll, as the schedule names them."""

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
    """One queue to poll.

    Args:
        record: `name`; `kind`, service or compute; `quota`, whether it has quota shares; `shares`, the entitlement of
            each declared share by capacity unit; `limit`, most capacity by unit; `instance_type`, what GPUs are counted
            by where instances of any type are counted, which may be absent; `max_pages` of listing in one poll.
        where: what to call the record in errors.

    Raises:
        ValueError: the record is not as described.
    """

    def __init__(self, record: object, where: str) -> None:
        if not isinstance(record, dict):
            raise ValueError(f"{where} must be an object, got {record!r}")
        fields: dict[str, Any] = {**dict.fromkeys(_FIELDS), **record}
        self.name: str = fields["name"]
        self.kind: str = fields["kind"]
        self.quota: bool = fields["quota"]
        self.instance_type: str | None = fields["instance_type"]
        self.max_pages: int = fields["max_pages"]
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"{where}.name must be the name of a queue, got {self.name!r}")
        if not isinstance(self.kind, str) or self.kind not in _STATES:
            raise ValueError(f"{where}.kind must be service or compute, got {self.kind!r}")
        if not isinstance(self.quota, bool):
            raise ValueError(f"{where}.quota must be true or false, got {self.quota!r}")
        if not isinstance(self.instance_type, str | None):
            raise ValueError(f"{where}.instance_type must be a text, got {self.instance_type!r}")
        if type(self.max_pages) is not int or self.max_pages < 1:
            raise ValueError(f"{where}.max_pages must be a whole number, 1 or more, got {self.max_pages!r}")
        shares = fields["shares"]
        if not isinstance(shares, dict):
            raise ValueError(f"{where}.shares must be an object, got {shares!r}")
        limit = _checked_units(fields["limit"], f"{where}.limit")
        entitlements = {name: _checked_units(units, f"{where}.shares.{name}") for name, units in shares.items()}
        self._any_instance = any(_ANY_INSTANCE in units for units in (limit, *entitlements.values()))
        self.limit = self.units(limit)
        self.shares = {name: self.units(units) for name, units in entitlements.items()}
        self._beginnings = sorted((name[:-1] for name in shares if name.endswith("*")), key=len, reverse=True)

    @property
    def states(self) -> tuple[str, ...]:
        """The states in which to list jobs, those that matter most first."""
        return _STATES[self.kind]

    def share(self, identifier: str) -> str:
        """The declared share that a share identifier belongs to, as declared; `other` if there is none.

        Args:
            identifier: of a share, as jobs carry it.
        """
        if identifier in self.shares:
            return identifier
        return next((f"{beginning}*" for beginning in self._beginnings if identifier.startswith(beginning)), OTHER)

    def units(self, amounts: Mapping[str, float]) -> Units:
        """Amounts of capacity by the units that the queue is limited by.

        Where the queue counts instances of any type, instances of each type are added up; `cpu`, as machines of EKS are
        counted, is `VCPU`.

        Args:
            amounts: by the units that AWS reports.
        """
        counted: Units = {}
        for unit, amount in amounts.items():
            counted_as = _ANY_INSTANCE if self._any_instance else "VCPU" if unit == "cpu" else unit
            counted[counted_as] = counted.get(counted_as, 0) + amount
        return counted

    def gpus(self, usage: Mapping[str, float], gpus_of: Mapping[str, int]) -> float:
        """How many GPUs the instances that a service job uses have; 0 for types that are not known.

        Args:
            usage: instances by type.
            gpus_of: the GPUs of an instance type.
        """
        return sum(
            quantity * gpus_of.get((self.instance_type or "") if unit == _ANY_INSTANCE else unit, 0)
            for unit, quantity in usage.items()
        )


def read_queues(event: object) -> list[Queue]:
    """The queues that the input of a poll names.

    Args:
        event: `{"queues": [...]}`.

    Raises:
        ValueError: the input is not that, or a queue is wrong or named twice.
    """
    records: Any = event.get("queues") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise ValueError(f'the input must be {{"queues": [...]}}, got {event!r}')
    queues = [Queue(record, f"queues[{index}]") for index, record in enumerate(records)]
    names = [queue.name for queue in queues]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"a queue must be named once, got {name!r} {names.count(name)} times")
    return queues


def amounts(usage: Iterable[Mapping[str, Any]] | None) -> Units:
    """Amounts of capacity by unit.

    Args:
        usage: as AWS reports it, pairs of `capacityUnit` and `quantity`.
    """
    by_unit: Units = {}
    for each in usage or []:
        unit = each.get("capacityUnit", "")
        by_unit[unit] = by_unit.get(unit, 0) + each.get("quantity", 0)
    return by_unit


def _checked_units(units: object, where: str) -> Units:
    if not isinstance(units, dict):
        raise ValueError(f"{where} must be an object of amounts by capacity unit, got {units!r}")
    for unit, amount in units.items():
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < inf:
            raise ValueError(f"{where}.{unit} must be a number, 0 or more, got {amount!r}")
    return units
