"""Attempt of a job as processes: their commands, and the files before and after the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fairlane_local.errors import LocalAwsError


class AttemptError(LocalAwsError):
    """Error that fails an attempt. Its text is the reason that the API returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Command of one process.

    Args:
        host: Host name of the process.
        arguments: Command and its arguments.
        environment: Environment variables.
        image: Directory that stands for the image. None for an empty directory.
        memory_mib: Memory of the process and its children in MiB.
        log_group: Name of the log group.
        log_stream: Name of the log stream.
        files: Contents of files by path.
        is_init: True if an init process passes all signals on. Default: False.
        volumes: Writable directories of this computer by their path in the process. An empty text is a new, empty
            directory. Default: none.
    """

    host: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    image: str | None
    memory_mib: int
    log_group: str
    log_stream: str
    files: Mapping[str, str] = field(default_factory=dict)
    is_init: bool = False
    volumes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """End of an attempt.

    Args:
        exit_code: Exit code of the process that decided. None if it did not run.
        reason: Reason of the local AWS, or of `/opt/ml/output/failure`. Default: none.
        limit: Reason of the time limit that the attempt reached. Default: none.
        out_of_memory: True if the process was killed at its memory limit. Default: False.
    """

    exit_code: int | None
    reason: str = ""
    limit: str = ""
    out_of_memory: bool = False


class Work(Protocol):
    """Work of an attempt.

    Attributes:
        notice: Seconds from SIGTERM to SIGKILL.
        limits: Time limits in seconds, by their reason.
    """

    notice: float
    limits: Mapping[str, float]

    @property
    def main(self) -> int | None:
        """Index of the process whose end is the end of the attempt. None if all processes must end."""

    def commands(self) -> Sequence[Command]:
        """Return the commands. Raise AttemptError if the attempt cannot run."""

    def prepare(self, roots: Sequence[Path]) -> None:
        """Write the files that the processes read, into their root directories."""

    def copy(self, roots: Sequence[Path]) -> None:
        """Copy what must survive a kill. Called every few seconds, and after the end."""

    def collect(self, roots: Sequence[Path], end: End, *, is_stopped: bool) -> End:
        """Store the results, and return the end of the attempt."""
