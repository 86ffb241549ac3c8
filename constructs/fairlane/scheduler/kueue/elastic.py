"""Model of an elastic job: its Workloads in Kueue, and the changes of its size.

The training operator of HyperPod is closed source, so that this model follows Amazon's guide to elastic training and
decides the rest itself. An elastic job is several Workloads: one for its first size, and one for each step to the next
size (a slice). As soon as the job runs, it asks for all slices up to its largest size. It grows
`scaling_timeout_seconds` after the first admission, so that several admissions become one change. If Kueue evicts a
slice, all processes save a checkpoint and end, the quota of the slice is released, and the job starts again at the
largest size that its admitted Workloads add up to. Slices that add up to no size go back. A job without its first
Workload waits.

The job has no clock and starts no processes: its caller states each event and its time, and carries out the `Actions`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fairlane.hyperpod.elastic_job import ElasticPolicy
from fairlane.scheduler.kueue.kueue import Kueue
from fairlane.scheduler.kueue.objects import FlavorResource, PodSet, Workload

_LONGEST_BACK_OFF: Final = 3600
_MOST_DOUBLINGS: Final = 12


class Phase(StrEnum):
    """Phase of an elastic job."""

    WAITING = "waiting"
    """The first Workload waits for admission."""
    RUNNING = "running"
    STOPPING = "stopping"
    """All processes save a checkpoint and end, before the job starts at another size or waits."""
    FINISHED = "finished"


@dataclass(slots=True, kw_only=True)
class Actions:
    """Changes that the caller of an elastic job carries out, in the order of the attributes.

    Attributes:
        release: Names of evicted Workloads whose pods have stopped, for `Kueue.release`.
        remove: Names of Workloads that are no longer wanted, for `Kueue.remove`.
        add: Workloads for `Kueue.add`.
        stop: True if all processes are to save a checkpoint and end, until `ElasticJob.stop_deadline`.
        start: Size in replicas at which processes are to start. 0 if none.
    """

    release: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    add: list[Workload] = field(default_factory=list)
    stop: bool = False
    start: int = 0

    def apply(self, kueue: Kueue) -> None:
        """Release, remove and add the Workloads. Processes are left to the caller."""
        for name in self.release:
            kueue.release(name)
        for name in self.remove:
            kueue.remove(name)
        for workload in self.add:
            kueue.add(workload)


class _State(StrEnum):
    ABSENT = "absent"
    WAITING = "waiting"
    ADMITTED = "admitted"
    EVICTED = "evicted"


class ElasticJob:
    """Elastic job as a state machine. A job of one size is a job that is not elastic.

    Each event returns the actions that follow from it. The caller calls `advance` at `deadline`.

    Args:
        job_name: Name of the job. Its Workloads are `<job>-0` for the first size, then `<job>-1` and so on.
        queue: Name of the ClusterQueue.
        policy: Sizes and times of the job, without mistakes.
        requests: Requests of one replica by flavor and resource.
        first_size: Size of the first Workload: the initial size, or that of the base part. Default: the smallest.
        priority: Priority of the first Workload. Default: 0.
        elastic_priority: Priority of the slices. Default: `priority`.
        scale_up_snooze_seconds: Number of seconds after a restart in which the job asks for no slices. Default: 600.

    Attributes:
        phase: Phase.
        size: Number of replicas that run, or that stop. 0 while the job waits.
        deadline: Second of the next call of `advance`. None without.
        stop_deadline: Second at which the caller kills the processes that have not ended. None if the job is not
            stopping.
    """

    def __init__(
        self,
        *,
        job_name: str,
        queue: str,
        policy: ElasticPolicy,
        requests: Mapping[FlavorResource, int],
        first_size: int | None = None,
        priority: int = 0,
        elastic_priority: int | None = None,
        scale_up_snooze_seconds: float = 600,
    ) -> None:
        first = policy.sizes[0] if first_size is None else first_size
        self.sizes = (first, *(size for size in policy.sizes if size > first))
        self.phase = Phase.WAITING
        self.size = 0
        self.stop_deadline: float | None = None
        self._queue, self._policy, self._requests = queue, policy, requests
        self._priority = priority
        self._elastic_priority = priority if elastic_priority is None else elastic_priority
        self._snooze = scale_up_snooze_seconds
        width = len(str(len(self.sizes) - 1))
        steps = [first, *(above - below for below, above in zip(self.sizes, self.sizes[1:], strict=False))]
        self._replicas = {f"{job_name}-{number:0{width}}": step for number, step in enumerate(steps)}
        self.first_workload, *self._slices = self._replicas
        self._states = dict.fromkeys(self._replicas, _State.ABSENT)
        self._used: frozenset[str] = frozenset()
        self._grow_at: float | None = None
        self._ask_at: float | None = None
        self._failures = 0
        self._has_run = False

    @property
    def deadline(self) -> float | None:
        """Second of the next call of `advance`. None without."""
        if self.phase is not Phase.RUNNING:
            return None
        return min((time for time in (self._grow_at, self._ask_at) if time is not None), default=None)

    def workloads(self) -> list[str]:
        """Return the names of the Workloads that Kueue has."""
        return [name for name, state in self._states.items() if state is not _State.ABSENT]

    def replicas(self, workload: str) -> int:
        """Return the number of replicas of a Workload."""
        return self._replicas[workload]

    def submit(self, now: float) -> Actions:
        """Submit the job: its first Workload waits."""
        return Actions(add=[self._workload(self.first_workload, now)])

    def admit(self, workload: str, now: float) -> Actions:
        """Note that Kueue has admitted a Workload."""
        actions = Actions()
        self._states[workload] = _State.ADMITTED
        if workload == self.first_workload:
            self._start(actions, now)
        elif self.phase is Phase.RUNNING and self._grow_at is None:
            self._grow_at = now + self._policy.scaling_timeout_seconds
        return actions

    def evict(self, workload: str, now: float) -> Actions:
        """Note that Kueue has evicted a Workload. It holds its quota until the actions release or remove it."""
        actions = Actions()
        self._states[workload] = _State.EVICTED
        if workload in self._used:
            self._stop(actions, now)
        else:  # its pods had not joined the job
            self._give_back(actions, workload)
            if not self._unused():
                self._grow_at = None
        return actions

    def advance(self, now: float) -> Actions:
        """Carry out what is due: ask for slices, or grow into the admitted ones."""
        actions = Actions()
        if self.phase is not Phase.RUNNING:
            return actions
        if self._ask_at is not None and self._ask_at <= now:
            self._ask(actions, now)
        if self._grow_at is not None and self._grow_at <= now:
            self._grow_at = None
            size, _ = self._largest()
            if size > self.size:
                self._stop(actions, now)
            else:
                self._fail(actions, now)
        return actions

    def stopped(self, now: float) -> Actions:
        """Note that all processes have ended. The job starts at the size of its admitted Workloads, or waits."""
        actions = Actions()
        self.stop_deadline = None
        if self._states[self.first_workload] is _State.EVICTED:
            self.phase, self.size, self._used = Phase.WAITING, 0, frozenset()
            self._grow_at = self._ask_at = None
            actions.release.append(self.first_workload)
            self._states[self.first_workload] = _State.WAITING
            self._remove(actions, self._slices)
        else:
            self._start(actions, now)
        return actions

    def finish(self) -> Actions:
        """End the job: all its Workloads are removed."""
        actions = Actions()
        self.phase, self.size, self.stop_deadline = Phase.FINISHED, 0, None
        self._remove(actions, self._replicas)
        return actions

    def _start(self, actions: Actions, now: float) -> None:
        before = self.size
        self.size, self._used = self._largest()
        self.phase = Phase.RUNNING
        self._grow_at = None
        actions.start = self.size
        if self.size > before:
            self._failures = 0
        if self._has_run and self._snooze:
            self._remove(actions, (name for name in self._slices if name not in self._used))
            self._ask_at = now + self._snooze
        else:
            for name in self._slices:
                if self._states[name] is _State.EVICTED:
                    self._give_back(actions, name)
            self._remove(actions, self._unused())
            self._ask(actions, now)
        self._has_run = True

    def _stop(self, actions: Actions, now: float) -> None:
        if self.phase is Phase.RUNNING:
            self.phase = Phase.STOPPING
            self.stop_deadline = now + self._policy.graceful_shutdown_timeout_seconds
            actions.stop = True

    def _ask(self, actions: Actions, now: float) -> None:
        self._ask_at = None
        actions.add += [self._workload(name, now) for name in self._slices if self._states[name] is _State.ABSENT]

    def _fail(self, actions: Actions, now: float) -> None:
        """Give back slices that make no larger size, and ask again later, each time twice as late."""
        self._remove(actions, (name for name in self._slices if name not in self._used))
        delay = max(self._snooze, self._policy.scaling_timeout_seconds, 1) * 2 ** min(self._failures, _MOST_DOUBLINGS)
        self._ask_at = now + min(delay, max(_LONGEST_BACK_OFF, self._snooze))
        self._failures += 1

    def _give_back(self, actions: Actions, workload: str) -> None:
        """Release an evicted slice, which waits again. The job does not ask for it while it is snoozed."""
        if self._ask_at is None:
            actions.release.append(workload)
            self._states[workload] = _State.WAITING
        else:
            self._remove(actions, (workload,))

    def _remove(self, actions: Actions, workloads: Iterable[str]) -> None:
        names = [name for name in workloads if self._states[name] is not _State.ABSENT]
        actions.remove += names
        self._states |= dict.fromkeys(names, _State.ABSENT)

    def _unused(self) -> list[str]:
        return [name for name in self._slices if self._states[name] is _State.ADMITTED and name not in self._used]

    def _largest(self) -> tuple[int, frozenset[str]]:
        """Return the largest size that admitted Workloads add up to, and these Workloads."""
        latest = {self.sizes[0]: self.first_workload}
        for name in self._slices:
            if self._states[name] is _State.ADMITTED:
                for total in list(latest):
                    latest.setdefault(total + self._replicas[name], name)
        total = size = max(size for size in self.sizes if size in latest)
        used = {self.first_workload}
        while total > self.sizes[0]:
            used.add(latest[total])
            total -= self._replicas[latest[total]]
        return size, frozenset(used)

    def _workload(self, name: str, now: float) -> Workload:
        self._states[name] = _State.WAITING
        return Workload(
            workload_name=name,
            queue=self._queue,
            pod_sets=(PodSet(count=self._replicas[name], requests=self._requests),),
            priority=self._priority if name == self.first_workload else self._elastic_priority,
            created=now,
        )
