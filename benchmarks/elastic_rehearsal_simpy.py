"""Model of a HyperPod cluster with elastic jobs in SimPy, written plainly for the policy of `elastic_rehearsal`.

It lacks what the policy does not use: fair sharing, priorities, preemption in a queue, several resources and instance
types, lending limits, checkpoints of jobs of one size, tokens, snoozes, and all results but the end of each job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy
from simpy.events import EventPriority

from fairlane.rehearsal.hyperpod import ClusterJob

_LAST = EventPriority(2)
"""Priority of cycles within a second: after all other events, which have SimPy's priority 1."""
_STOP_SECONDS = 20


@dataclass(eq=False)
class Workload:
    """Instances of a job that are admitted together."""

    name: str
    queue: "Queue"
    job: Any
    size: int
    created: int
    reserved: int = 0
    is_evicted: bool = False


@dataclass(eq=False)
class Queue:
    """Queue of a team. `parked` has the sizes that wait for a change."""

    nominal: int
    limit: int
    used: int = 0
    waiting: list[Workload] = field(default_factory=list)
    parked: set[int] = field(default_factory=set)
    sticky: Workload | None = None

    def head(self) -> Workload | None:
        """Return the workload that is tried next."""
        if self.sticky in self.waiting:
            return self.sticky
        tried = (workload for workload in self.waiting if workload.size not in self.parked)
        return min(tried, key=lambda workload: (workload.created, workload.name), default=None)


class Cluster:
    """Cluster with the queues of its teams.

    Args:
        teams: Instances of the quota and borrow limit in percent, by team.
        jobs: Jobs in the order of their submission.
    """

    def __init__(self, teams: Mapping[str, tuple[int, int]], jobs: Sequence[ClusterJob]) -> None:
        self.env = simpy.Environment()
        self.queues = {name: Queue(count, count * percent // 100) for name, (count, percent) in teams.items()}
        self.total = sum(queue.nominal for queue in self.queues.values())
        self.used = 0
        self.holders: list[Workload] = []
        self.ends = [0] * len(jobs)
        self.cycles = 0
        self.is_scheduled = False
        for row, job in enumerate(jobs):
            self.env.process((Elastic if job.is_elastic else Static)(self, row, job).body())

    def run(self) -> list[int]:
        """Run all jobs, and return the second at which each job ends."""
        self.env.run()
        return self.ends

    @property
    def now(self) -> int:
        """Second."""
        return int(self.env.now)

    def submit(self, workload: Workload) -> None:
        """Let a workload wait."""
        workload.queue.waiting.append(workload)
        self.wake()

    def release(self, workload: Workload) -> None:
        """Free what a workload holds, or take it out of its queue."""
        if workload in self.holders:
            self.holders.remove(workload)
            workload.is_evicted = False
            workload.queue.used -= workload.size
            self.used -= workload.size
            for queue in self.queues.values():
                queue.parked.clear()
        elif workload in workload.queue.waiting:
            workload.queue.waiting.remove(workload)
        self.wake()

    def wake(self, delay: int = 0) -> None:
        """Run cycles after all other events of the second."""
        if self.is_scheduled and not delay:
            return
        self.is_scheduled = self.is_scheduled or not delay
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(self.schedule)
        self.env.schedule(event, priority=_LAST, delay=delay)

    def schedule(self, _: simpy.Event) -> None:
        """Run cycles until one changes nothing."""
        fresh: set[Workload] = set()
        self.is_scheduled = True  # changes by cycles need no further ones
        while True:
            admitted, evicted, parked = self.cycle()
            fresh.update(admitted)
            circles = not fresh.isdisjoint(evicted)
            if circles or not (admitted or evicted or parked):
                break
        self.is_scheduled = False
        if circles:
            self.wake(1)

    def cycle(self) -> tuple[list[Workload], list[Workload], bool]:
        """Try the head of each queue, first those that do not borrow."""
        self.cycles += 1
        heads = [head for queue in self.queues.values() if (head := queue.head())]
        plans = {head: self.victims(head) for head in heads if not self.fits(head)}
        heads.sort(key=lambda head: (head.queue.used + head.size > head.queue.nominal, head.created, head.name))
        admitted: list[Workload] = []
        evicted: list[Workload] = []
        taken: set[Workload] = set()
        reserved = []
        parked = False
        for head in heads:
            victims = plans.get(head)
            if victims is None:
                if self.fits_without(head, taken):
                    self.hold(head, 1)
                    admitted.append(head)
            elif not victims:
                head.queue.parked.add(head.size)
                head.queue.sticky = None
                parked = True
            elif taken.isdisjoint(victims) and self.fits_without(head, taken | {*victims}):
                taken.update(victims)
                reserved.append(head)
                self.hold(head, 1)
                head.queue.sticky = head
                evicted += [victim for victim in victims if not victim.is_evicted]
        for head in reserved:
            self.hold(head, -1)
        for head in admitted:
            head.queue.waiting.remove(head)
            head.reserved = self.cycles
            self.holders.append(head)
            head.job.admit(head)
        for victim in evicted:
            victim.is_evicted = True
            victim.job.evict(victim)
        return admitted, evicted, parked

    def fits(self, head: Workload) -> bool:
        """Return True if a workload fits the cluster, its quota and its borrow limit."""
        queue = head.queue
        return self.used + head.size <= self.total and queue.used + head.size <= queue.nominal + queue.limit

    def fits_without(self, head: Workload, gone: set[Workload]) -> bool:
        """Return True if a workload fits without others."""
        for each in gone:
            self.hold(each, -1)
        fits = self.fits(head)
        for each in gone:
            self.hold(each, 1)
        return fits

    def hold(self, workload: Workload, sign: int) -> None:
        """Add the size of a workload to what is held, or subtract it."""
        workload.queue.used += sign * workload.size
        self.used += sign * workload.size

    def victims(self, head: Workload) -> list[Workload]:
        """Return the newest workloads of queues that borrow, as many as are necessary for a head within its quota."""
        if head.queue.used + head.size > head.queue.nominal:
            return []
        others = [each for each in self.holders if each.queue is not head.queue]
        others.sort(key=lambda each: (not each.is_evicted, -each.reserved, each.name))
        chosen: list[Workload] = []
        for each in others:
            if each.queue.used > each.queue.nominal:
                self.hold(each, -1)
                chosen.append(each)
                if self.fits(head):
                    break
        fits = self.fits(head)
        kept = list(chosen)
        if fits:
            for each in chosen[-2::-1]:
                self.hold(each, 1)
                if self.fits(head):
                    kept.remove(each)
                else:
                    self.hold(each, -1)
        for each in kept:
            self.hold(each, 1)
        return kept if fits else []


class Static:
    """Job of one size."""

    def __init__(self, cluster: Cluster, row: int, job: ClusterJob) -> None:
        self.cluster, self.row, self.job = cluster, row, job
        self.admitted, self.evicted = cluster.env.event(), cluster.env.event()

    def body(self) -> simpy.events.ProcessGenerator:
        """Run the job. A preempted job starts again from its beginning."""
        cluster, env = self.cluster, self.cluster.env
        yield env.timeout(self.job.submit)
        workload = Workload(f"{self.row:08}-0", cluster.queues[self.job.team], self, self.job.first_size, cluster.now)
        while True:
            cluster.submit(workload)
            yield self.admitted
            end = env.timeout(self.job.run)
            yield end | self.evicted
            if end.processed:
                cluster.release(workload)
                cluster.ends[self.row] = cluster.now
                return
            yield env.timeout(_STOP_SECONDS)
            self.admitted, self.evicted = env.event(), env.event()
            cluster.release(workload)

    def admit(self, _: Workload) -> None:
        """Start."""
        self.admitted.succeed()

    def evict(self, _: Workload) -> None:
        """Stop."""
        self.evicted.succeed()


class Elastic:
    """Elastic job: a workload for its first size, and one for each further step."""

    def __init__(self, cluster: Cluster, row: int, job: ClusterJob) -> None:
        self.cluster, self.job, self.row = cluster, job, row
        self.sizes = job.policy.sizes
        self.queue = cluster.queues[job.team]
        steps = [self.sizes[0], *(b - a for a, b in zip(self.sizes, self.sizes[1:], strict=False))]
        self.workloads = [
            Workload(f"{row:08}-{number}", self.queue, self, step, 0) for number, step in enumerate(steps)
        ]
        self.base, self.slices = self.workloads[0], self.workloads[1:]
        self.changed = cluster.env.event()
        self.used: set[Workload] = set()
        self.is_running = False
        self.size = self.begin = self.restart = 0
        self.grow_at: int | None = None
        self.ask_at: int | None = None
        self.failures = 0

    def body(self) -> simpy.events.ProcessGenerator:
        """Run the job."""
        cluster, env, job = self.cluster, self.cluster.env, self.job
        yield env.timeout(job.submit)
        self.base.created = cluster.now
        left = self.sizes[0] * job.run
        cluster.submit(self.base)
        while True:
            while not self.is_running:
                yield self.wait()
            while not self.is_evicted():
                end_at = self.begin - -left // self.size
                moments = [moment for moment in (end_at, self.grow_at, self.ask_at) if moment is not None]
                yield env.timeout(min(moments) - cluster.now) | self.wait()
                if cluster.now >= end_at and not self.is_evicted():
                    for each in self.workloads:
                        cluster.release(each)
                    cluster.ends[self.row] = cluster.now
                    return
                if self.ask_at is not None and self.ask_at <= cluster.now:
                    self.ask()
                if self.grow_at is not None and self.grow_at <= cluster.now and not self.is_evicted():
                    self.grow_at = None
                    if self.largest()[0] > self.size:
                        break
                    self.fail()
            self.is_running = False
            worked = max(0, cluster.now - self.begin)
            left -= worked * self.size
            yield env.timeout(job.checkpoint_seconds if worked else 0)
            if not self.base.is_evicted:
                self.start()
                continue
            self.size, self.used, self.ask_at = 0, set(), None
            cluster.release(self.base)
            cluster.submit(self.base)
            for each in self.slices:
                cluster.release(each)

    def start(self) -> None:
        """Start at the size of the admitted workloads, and ask for the others."""
        before, (self.size, self.used) = self.size, self.largest()
        self.failures = 0 if self.size > before else self.failures
        self.begin, self.restart = self.cluster.now + self.restart, self.job.restart_seconds
        self.grow_at, self.is_running = None, True
        for each in self.slices:
            if each in self.cluster.holders and each not in self.used:
                self.give_back(each, again=each.is_evicted and self.ask_at is None)
        self.ask()

    def wait(self) -> simpy.Event:
        """Return the event of the next admission or eviction."""
        self.changed = self.cluster.env.event()
        return self.changed

    def is_evicted(self) -> bool:
        """Return True if a workload in use is evicted."""
        return any(each.is_evicted for each in self.used)

    def is_admitted(self, workload: Workload) -> bool:
        """Return True if a workload holds its instances."""
        return workload in self.cluster.holders and not workload.is_evicted

    def admit(self, workload: Workload) -> None:
        """Start, or plan to grow."""
        if workload is self.base:
            self.start()
        elif self.is_running and self.grow_at is None:
            self.grow_at = self.cluster.now + self.job.scaling_timeout_seconds
        self.notify()

    def evict(self, workload: Workload) -> None:
        """Give back a workload that is not in use at once, or stop."""
        if workload not in self.used:
            self.give_back(workload, again=self.ask_at is None)
            if not any(self.is_admitted(each) and each not in self.used for each in self.slices):
                self.grow_at = None
        self.notify()

    def notify(self) -> None:
        """Continue the process of the job."""
        if not self.changed.triggered:
            self.changed.succeed()

    def give_back(self, workload: Workload, *, again: bool) -> None:
        """Release a workload. It waits again, or is no longer asked for."""
        self.cluster.release(workload)
        if again:
            self.cluster.submit(workload)

    def ask(self) -> None:
        """Ask for all further steps."""
        self.ask_at = None
        for each in self.slices:
            if each not in self.cluster.holders and each not in self.queue.waiting:
                each.created = self.cluster.now
                self.cluster.submit(each)

    def fail(self) -> None:
        """Give back the steps that make no size, and ask again later."""
        for each in self.slices:
            if each not in self.used:
                self.cluster.release(each)
        delay = max(self.job.scaling_timeout_seconds, 1) * 2**self.failures
        self.ask_at = self.cluster.now + min(delay, 3600)
        self.failures += 1

    def largest(self) -> tuple[int, set[Workload]]:
        """Return the largest size that admitted workloads add up to, and these workloads."""
        sums = {self.sizes[0]: [self.base]}
        for each in self.slices:
            if self.is_admitted(each):
                for total, workloads in list(sums.items()):
                    sums.setdefault(total + each.size, [*workloads, each])
        size = max(size for size in self.sizes if size in sums)
        return size, set(sums[size])
