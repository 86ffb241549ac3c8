"""Progress of a manifest from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.reconcile.lines import Line, Members, expand_arrays
from fairlane_lambda.fan_out.reconcile.outcome_files import outcome_row
from fairlane_lambda.fan_out.reconcile.summary import Summary

_RATE_SECONDS: Final = 60
_SUBMITTING: Final = ("PLANNED", "SUBMITTING")

Row = Mapping[str, Any]
"""Line as in the table `outcomes`: `id`, `region`, `queue`, `state`, `placement` and further columns."""


class Counts(NamedTuple):
    """Number of lines by state.

    Attributes:
        waiting: Lines without a known job.
        submitted: Lines whose jobs wait in their queue.
        running: Lines whose jobs start or run.
        done: Lines whose jobs succeeded.
        failed: Lines whose jobs failed, or were refused by AWS Batch.
        rate: Submissions a second in the last minute.
    """

    waiting: int = 0
    submitted: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self._asdict().items() if name != "rate")


class Progress(NamedTuple):
    """Progress of a manifest.

    Attributes:
        manifest: Name of the manifest.
        state: State of its submission: `SUBMITTING`, `SUBMITTED`, `STOPPED` or `FAILED`.
        created_at: Time of its plan, in epoch seconds.
        regions: Number of lines by Region.
        rows: Lines that have a job, in the order of their ids. Of several jobs of a line, the latest.
    """

    manifest: str
    state: str
    created_at: float
    regions: Mapping[str, Counts]
    rows: Sequence[Row]

    @property
    def total(self) -> Counts:
        """Number of lines of all Regions."""
        return Counts(*(sum(column) for column in zip(*self.regions.values(), strict=True)))

    @property
    def is_over(self) -> bool:
        """True if nothing changes any more: nothing is submitted, and no job waits or runs."""
        total = self.total
        return self.state not in _SUBMITTING and not total.submitted and not total.running


def read_progress(ledger: Ledger, manifest: str, members: Members, now: float) -> Progress | None:
    """Return the progress of a manifest. None if the ledger has no such manifest.

    Args:
        ledger: Ledger of the fan-out.
        manifest: Name of the manifest.
        members: Function that returns the ids of the lines of an array job by its digest.
        now: Current time in epoch seconds.
    """
    record = ledger.manifest(manifest)
    if record is None:
        return None
    summary, latest, recent = Summary(record), dict[str, Line](), dict[str, int]()
    for line in expand_arrays(ledger.lines(manifest), members):
        claimed = line.item.get("claimed_at", 0)
        if line.item.get("child") is None and claimed > 1000 * (now - _RATE_SECONDS):
            recent[line.item["region"]] = recent.get(line.item["region"], 0) + 1
        if line.id:
            summary.add(line)
            if line.id not in latest or latest[line.id].item.get("claimed_at", 0) <= claimed:
                latest[line.id] = line
    found = summary.counts()
    regions = {
        region: Counts(**_numbers(found.get(region, {})), rate=recent.get(region, 0) / _RATE_SECONDS)
        for region in sorted({*record["regions"], *found})
    }
    rows = [outcome_row(latest[name]) for name in sorted(latest)]
    return Progress(manifest, record["state"], record["created_at"] / 1000, regions, rows)


def _numbers(found: Mapping[str, int]) -> dict[str, int]:
    return {name: found[name] for name in Counts._fields if name in found}
