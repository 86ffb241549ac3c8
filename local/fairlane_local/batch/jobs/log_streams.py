"""Log streams of the attempts of jobs, in Amazon CloudWatch Logs."""

from collections.abc import Iterable

from moto.logs.models import LogStream, logs_backends

from fairlane_local.batch.jobs.job import Attempt
from fairlane_local.batch.store import Batch


class LogStreams:
    """Log streams of one account and Region in one log group. Users can delete the group and its streams.

    Args:
        batch: Records of the account and Region.
        group: Name of the log group.
    """

    def __init__(self, batch: Batch, group: str) -> None:
        self._logs = logs_backends[batch.account_id][batch.region]
        self._group = group

    def create(self, attempt: Attempt, names: Iterable[str]) -> None:
        """Create the log streams of an attempt, and the group if there is none."""
        if self._group not in self._logs.groups:
            self._logs.create_log_group(self._group, {})
        group = self._logs.groups[self._group]
        attempt.log_streams = tuple(names)
        for name in attempt.log_streams:
            if name not in group.streams:
                group.create_log_stream(name)
        LogStream.instances_tracked.clear()  # type: ignore[attr-defined]  # moto's list would keep deleted streams

    def forget(self, attempts: Iterable[Attempt]) -> None:
        """Delete the log streams of attempts."""
        if group := self._logs.groups.get(self._group):
            for name in (name for attempt in attempts for name in attempt.log_streams):
                group.streams.pop(name, None)
