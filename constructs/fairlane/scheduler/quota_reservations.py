"""Reservations: capacity for jobs while the runs that are preempted for them stop."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlane.scheduler.quota_lanes import QuotaLane


@dataclass(slots=True, eq=False)
class Reservation:
    """Capacity for a job while the runs that are preempted for the job stop.

    Attributes:
        lane: Lane of the job.
        row: Row of the job.
        units: Number of instances that the job needs.
        free_units: Part of `units` that is free already, and that no other job can use.
        added_units: Part of `units` that does not come from stopping runs of the same lane: the growth of the lane's
            use.
        stopping: Runs that are stopping for the job.
    """

    lane: QuotaLane
    row: int
    units: int
    free_units: int
    added_units: int
    stopping: set[int]


class Reservations:
    """Reservations of a pool, in the order of their decisions.

    Attributes:
        free: Number of free instances that are reserved.
    """

    def __init__(self) -> None:
        self.free = 0
        self._list: list[Reservation] = []
        self._by_run: dict[int, Reservation] = {}

    def __iter__(self) -> Iterator[Reservation]:
        return iter(self._list)

    def add(self, reservation: Reservation) -> None:
        """Add a reservation."""
        self._list.append(reservation)
        self._by_run |= dict.fromkeys(reservation.stopping, reservation)
        self._count(reservation, 1)

    def remove(self, reservation: Reservation) -> None:
        """Remove a reservation."""
        self._list.remove(reservation)
        for run in reservation.stopping:
            del self._by_run[run]
        self._count(reservation, -1)

    def release(self, lane: QuotaLane, run: int, units: int) -> None:
        """Reserve the capacity of a run that stopped for a job."""
        reservation = self._by_run.pop(run, None)
        if reservation is None:
            return
        self._count(reservation, -1)
        reservation.stopping.discard(run)
        reservation.free_units = min(reservation.units, reservation.free_units + units)
        if lane is reservation.lane:
            reservation.added_units = min(reservation.units, reservation.added_units + units)
        self._count(reservation, 1)

    def complete(self) -> list[Reservation]:
        """Remove and return the reservations whose runs have stopped."""
        complete = [reservation for reservation in self._list if not reservation.stopping]
        for reservation in complete:
            self.remove(reservation)
        return complete

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows and runs."""
        for reservation in self._list:
            reservation.row = rows[reservation.row]
            reservation.stopping = {runs[run] for run in reservation.stopping}
        self._by_run = {runs[run]: reservation for run, reservation in self._by_run.items()}

    def _count(self, reservation: Reservation, sign: int) -> None:
        self.free += sign * reservation.free_units
        reservation.lane.reserved_units += sign * reservation.units
        reservation.lane.added_units += sign * reservation.added_units
