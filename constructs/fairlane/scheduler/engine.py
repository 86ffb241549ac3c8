"""Engine: queues that share capacity, and their jobs, on a clock that the caller moves."""

from collections.abc import Sequence
from typing import Final

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.fair_share import FairShareScheduler
from fairlane.scheduler.fifo import FifoScheduler
from fairlane.scheduler.instance_pool import InstancePool
from fairlane.scheduler.job import Trace
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.queue import Queue, group_queues, pass_order
from fairlane.scheduler.quota_management import QuotaScheduler
from fairlane.scheduler.submission import Listener, Terms
from fairlane.scheduling import Capacity, FairShare, QuotaManagement, SchedulingPolicy, State
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS: Final = Strategies()


class Engine(EventLoop):
    """Queues and environments of AWS Batch, in simulated time.

    Args:
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. Default: the instances are always available.
        pass_seconds: Number of seconds between passes of the schedulers. Default: 1.
        listener: Listener to the runs. Default: none.
    """

    def __init__(
        self,
        *,
        strategies: Strategies = _DEFAULTS,
        ec2_instances: Ec2Instances | None = None,
        pass_seconds: int = 1,
        listener: Listener | None = None,
    ) -> None:
        terms = Terms(
            attempts=ec2_instances.attempts if ec2_instances else 1, preemptions=strategies.retries_before_termination
        )
        pool = InstancePool(ec2_instances) if ec2_instances else None
        super().__init__(strategies.stop_seconds, terms, pool, pass_seconds, listener)
        self._strategies = strategies
        self._environment_names: dict[str, Environment] = {}
        self._queues: list[Queue] = []
        self._queue_names: dict[str, Queue] = {}

    def set_environment(self, name: str, capacity: Capacity, state: State = State.ENABLED) -> None:
        """Add an environment, or change its capacity and state.

        Args:
            name: Name of a service environment or compute environment.
            capacity: Number of instances or units or, for quota management, of instances of each type.
            state: State. A disabled environment starts no runs. Default: enabled.
        """
        environment = self._environment_names.get(name)
        if environment is None:
            environment = self._environment_names[name] = Environment(len(self.environments), name)
            self.environments.append(environment)
        environment.change(capacity_limits(capacity), state)

    def set_queue(
        self,
        name: str,
        policy: SchedulingPolicy,
        environments: Sequence[str],
        *,
        priority: int = 1,
        state: State = State.ENABLED,
    ) -> None:
        """Add a queue, or change its policy, environments, priority and state."""
        used = [self._environment_names[environment] for environment in environments]
        queue = Queue(name, self._scheduler(policy, used), used, priority, state)
        self._queues.append(queue)
        self._queue_names[name] = queue
        group_queues(self._queues)
        self.set_passes(pass_order(self._queues))

    def load(self, trace: Trace, queue: str) -> None:
        """Submit all jobs of a trace to a queue."""
        target = self._queue_names[queue]
        first = len(self.jobs)
        lanes = [[target.scheduler.lane(share, unit) for unit in trace.instance_types] for share in trace.share_names]
        if len(trace.instance_types) == 1:
            (column,) = zip(*lanes, strict=True)
            self.jobs.append_trace(trace, map(column.__getitem__, trace.shares))
        else:
            pairs = zip(trace.shares, trace.types, strict=True)
            self.jobs.append_trace(trace, (lanes[share][unit] for share, unit in pairs))
        self._expect(len(trace))
        smallest = min((lane.largest for row in lanes for lane in row), default=0)
        large = [row for row, units in enumerate(trace.instances, first) if units > smallest]
        self.record.unrunnable |= {row for row in large if self.jobs.needs[row] > self.jobs.lanes[row].largest}

    def _scheduler(self, policy: SchedulingPolicy, environments: Sequence[Environment]) -> Scheduler:
        strategies = self._strategies
        skip = strategies.head_of_line == "skip"
        if isinstance(policy, QuotaManagement):
            return QuotaScheduler(self, policy, environments, strategies)
        if isinstance(policy, FairShare):
            return FairShareScheduler(self, policy, environments, skip=skip, even=strategies.decay == "none")
        return FifoScheduler(self, environments, skip=skip)
