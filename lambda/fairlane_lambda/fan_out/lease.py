"""Lease of a manifest in a Region: at most one function submits its lines there."""

from typing import Final, NamedTuple

from fairlane_lambda.fan_out.clock import Clock
from fairlane_lambda.fan_out.table import Key, Table

AFTER_MS: Final = 60_000
"""Milliseconds between the deadline of a function and the end of its lease."""
_LONGEST_SECONDS: Final = 60
_LIFE_SECONDS: Final = 24 * 3600


class Run(NamedTuple):
    """Run of a function.

    Attributes:
        owner: Id of the run.
        deadline: Time in epoch milliseconds at which AWS Lambda ends the run.
        clock: Its clock.
    """

    owner: str
    deadline: int
    clock: Clock


class Lease:
    """Lease of a manifest in a Region.

    Args:
        table: Table of the ledger.
        manifest: Name of the manifest.
        region: Name of the Region.
        run: Run that needs the lease.
    """

    def __init__(self, table: Table, manifest: str, region: str, run: Run) -> None:
        self._table = table
        self._key: Key = (manifest, f"lease#{region}")
        self._run = run

    def acquire(self) -> int:
        """Acquire the lease. Return 0, or the number of seconds after which to try again."""
        now, until = self._run.clock.now(), self._run.deadline + AFTER_MS
        write = self._table.put(
            {
                "pk": self._key[0],
                "sk": self._key[1],
                "owner": self._run.owner,
                "until": until,
                "expires": until // 1000 + _LIFE_SECONDS,
            },
            "attribute_not_exists(#pk) OR #until < :now OR #owner = :owner",
            {"now": now, "owner": self._run.owner},
        )
        if write.is_done:
            return 0
        left: int = max(0, write.item["until"] - now)
        return min(_LONGEST_SECONDS, left // 1000 + 1)

    def release(self) -> None:
        """Release the lease, if the run still holds it."""
        self._table.delete(self._key, "#owner = :owner", {"owner": self._run.owner})
