"""Interface of the replicas of jobs: one agent for each pod."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol


class Status(StrEnum):
    """Status of the agent of a pod."""

    STARTING = "starting"
    READY = "ready"
    """The agent waits for a rank."""
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    """All processes have exited with 0 by themselves."""
    FAULTED = "faulted"
    """A process has failed. The agent can start again."""
    ENDED = "ended"
    """The agent itself has ended."""


class Replicas(Protocol):
    """Agents of the pods of a cluster. Pods are identified by the UID of their object."""

    def launch(self, pod: Mapping[str, Any]) -> None:
        """Start the agent of a new pod."""

    def pods(self) -> set[str]:
        """Return the pods whose agents were launched and not removed."""

    def status(self, pod: str) -> Status:
        """Return the latest status of an agent."""

    def message(self, pod: str) -> str:
        """Return the reason of the status `ended`. Empty for other statuses."""

    def start(self, pods: Sequence[str], faults: int) -> None:
        """Start the processes of pods, whose ranks are their order.

        Args:
            pods: Pods.
            faults: Number of restarts after failures until now.
        """

    def stop(self, pods: Sequence[str], *, graceful_seconds: float | None) -> None:
        """Let processes save and end within a number of seconds, or kill them at once if it is None."""

    def remove(self, pod: str) -> None:
        """End the agent of a pod that is deleted."""

    def next_moment(self) -> int | None:
        """Return the second of the next change that is due by time alone. None without."""

    def advance(self, now: int) -> None:
        """Carry out the changes that are due."""

    def close(self) -> None:
        """End all agents."""
