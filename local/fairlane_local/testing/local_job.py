"""Job of a local AWS Batch, as a test sees it."""

from dataclasses import dataclass

from fairlane_local.batch.api import BatchApi
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.jobs.queue_jobs import wait_texts


@dataclass(frozen=True, slots=True, repr=False)
class LocalJob:
    """Job of a queue. Its attributes always have the current values.

    Args:
        _job: Record of the job.
        _api: Batch API of the account and Region.
        _origin: Time at which the clock started, in seconds since 1970.
    """

    _job: Job
    _api: BatchApi
    _origin: int

    def __repr__(self) -> str:
        return f"<LocalJob {self.name}: {self.status}>"

    @property
    def id(self) -> str:
        """Job ID, for calls of AWS Batch."""
        return self._job.id

    @property
    def name(self) -> str:
        """Name of the job."""
        return self._job.name

    @property
    def share(self) -> str:
        """Share identifier or quota share. Empty on a FIFO queue."""
        return self._job.share

    @property
    def status(self) -> str:
        """Status, for example `RUNNABLE`, in the words of AWS Batch."""
        return self._job.status

    @property
    def preemptions(self) -> int:
        """Number of attempts that were preempted."""
        return len(getattr(self._job, "preempted", ()))

    @property
    def reason(self) -> str:
        """Status reason. If a job waits and has none, the reason why it waits. Otherwise empty."""
        return self._job.reason or self.wait_reason

    @property
    def wait_reason(self) -> str:
        """Reason why the scheduler does not start the job. Empty if the job does not wait."""
        with self._api.batch.lock:
            return wait_texts(self._api, [self._job]).get(self.id, "")

    @property
    def start(self) -> int | None:
        """Second of the latest start, from the start of the test. None before, and after a preemption."""
        attempt = self._job.latest_attempt
        return self._second(attempt.started if attempt else None)

    @property
    def end(self) -> int | None:
        """Second of the end of the job, from the start of the test. None before."""
        return self._second(self._job.stopped)

    def _second(self, milliseconds: int | None) -> int | None:
        return None if milliseconds is None else milliseconds // 1000 - self._origin
