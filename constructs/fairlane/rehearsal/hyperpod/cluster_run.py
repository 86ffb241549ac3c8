"""Work of one job in a rehearsal: its sizes, its progress and its losses."""

from dataclasses import dataclass, field

from fairlane.rehearsal.hyperpod.cluster_job import ClusterJob, whole_rates
from fairlane.scheduler.kueue import ElasticJob, Phase


@dataclass(slots=True, kw_only=True)
class ClusterRun:
    """Job while it is simulated.

    Work is a whole number: tokens or instance-seconds, multiplied by `factor`.

    Attributes:
        job: Job of the trace.
        key: Team and instance type.
        row: Row of the job in the trace.
        number: Number of the job among those that can run.
        machine: Workloads of the job in Kueue.
        gpus: Number of GPUs of an instance.
        stop_seconds: Number of seconds until the processes of a job that is not elastic have ended.
        rates: Work of a second by size.
        factor: Number by which the work is multiplied.
        left: Work that is left.
        version: Number of changes. An event of an older version is void.
        begin: Second from which the processes work. They restart before.
        stop_at: Second at which the stopping processes have ended.
        last_size: Last size at which the job ran. 0 before its first start.
        steps: Seconds at which the size changed, and the size from then on. A job that stops keeps its size.
        first_start: Second of the first start. None before.
        waited: Number of seconds without processes, after the submission.
        idle_since: Second since which the job has no processes.
        end: Second at which the job finished. None before.
        moves: Number of changes from one size to another.
        preemptions: Number of Workloads that Kueue evicted.
        lost: Lost work in GPU-seconds.
        lost_work: Lost work.
        moving: GPU-seconds of saving, ending and restarting.
        worked: Work that was done, with the lost work.
    """

    job: ClusterJob
    key: tuple[str, str]
    row: int
    number: int
    machine: ElasticJob
    gpus: int
    stop_seconds: int
    rates: dict[int, int] = field(init=False)
    factor: int = field(init=False)
    left: int = field(init=False)
    version: int = 0
    begin: int = 0
    stop_at: int = 0
    last_size: int = 0
    steps: list[tuple[int, int]] = field(default_factory=list)
    first_start: int | None = None
    waited: int = 0
    idle_since: int = field(init=False)
    end: int | None = None
    moves: int = 0
    preemptions: int = 0
    lost: int = 0
    lost_work: int = 0
    moving: int = 0
    worked: int = 0

    def __post_init__(self) -> None:
        self.rates, self.factor = whole_rates(self.job.rates())
        self.left = self.rates[self.job.first_size] * self.job.run
        self.idle_since = self.job.submit

    def start(self, size: int, now: int) -> None:
        """Start the processes at a size."""
        if self.first_start is None:
            self.first_start = now
            self.begin = now
        else:
            self.begin = now + self.job.restart_seconds
            self.moves += size != self.last_size
            self.moving += self.job.restart_seconds * size * self.gpus
        if self.idle_since >= 0:
            self.waited += now - self.idle_since
            self.idle_since = -1
        self.last_size = size
        self.steps.append((now, size))

    @property
    def end_at(self) -> int:
        """Second at which the job finishes if its size does not change."""
        return self.begin + -(-self.left // self.rates[self.last_size])

    def stop(self, now: int) -> None:
        """Signal the processes to end. The job has saved its work at `stop_at`, or lost some."""
        size, job = self.last_size, self.job
        seconds = max(0, now - self.begin)
        kept = seconds
        if job.is_elastic:
            saved = job.checkpoint_seconds <= job.graceful_shutdown_seconds
            delay = min(job.checkpoint_seconds, job.graceful_shutdown_seconds) if now > self.begin else 0
        else:
            saved, delay = False, self.stop_seconds
        if not saved:
            kept = seconds - (seconds % job.checkpoint if job.checkpoint else seconds)
        self.worked += seconds * self.rates[size]
        self.left -= kept * self.rates[size]
        self.lost += (seconds - kept) * size * self.gpus
        self.lost_work += (seconds - kept) * self.rates[size]
        self.moving += (delay - max(0, self.begin - now)) * size * self.gpus
        self.stop_at = now + delay

    def stopped(self, now: int) -> None:
        """Note that the job waits without processes."""
        self.steps.append((now, 0))
        self.idle_since = now

    def finish(self, now: int) -> None:
        """Note that the job has finished."""
        self.worked += self.left
        self.left = 0
        self.end = now
        self.steps.append((now, 0))

    def close(self, now: int) -> None:
        """Note that the rehearsal ends while the job may run. Its work until then counts."""
        if self.machine.phase is Phase.RUNNING:
            done = min(self.left, max(0, now - self.begin) * self.rates[self.last_size])
            self.worked += done
            self.left -= done
            self.moving -= max(0, self.begin - now) * self.last_size * self.gpus
        elif self.machine.phase is Phase.STOPPING:
            self.moving -= max(0, self.stop_at - now) * self.last_size * self.gpus
        if self.idle_since < 0 and self.end is None:
            self.steps.append((now, 0))

    def withdraw(self, now: int) -> None:
        """Note that the job is withdrawn before it has finished."""
        if self.machine.phase is Phase.RUNNING:
            self.stop(now)
        if self.idle_since < 0:
            self.moving -= max(0, self.stop_at - now) * self.last_size * self.gpus
            self.stopped(now)

    @property
    def next_moment(self) -> int | None:
        """Second of the next event of the job. None while it waits for Kueue."""
        if self.machine.phase is Phase.STOPPING:
            return self.stop_at
        if self.machine.phase is not Phase.RUNNING:
            return None
        deadline = self.machine.deadline
        return self.end_at if deadline is None else min(self.end_at, int(deadline))
