"""Alerts of Prometheus on the jobs of a HyperPod cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.hyperpod.monitoring.prometheus import PrometheusSeries, Rule
from fairlane.monitoring.alarms.kinds.limit import DurationLimit, HourlyLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodNothingAdmitted(DurationLimit):
    """Limit on the time that jobs wait while none runs, none is admitted and the number of nodes stays the same.

    Args:
        minutes: Number of minutes, 1 to 1,440. Default: 30.
    """

    first_step: ClassVar = "read the status of the cluster queues, and the log of the Kueue controller"
    minutes: int = 30

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the rule of a cluster."""
        duration = f"{self.minutes}m"
        quiet = (
            f"sum({series.metric('kueue_admitted_active_workloads')})",
            f"sum({series.increase('kueue_admitted_workloads_total', duration)})",
            f"changes(count({series.metric('kube_node_info')})[{duration}:1m])",
        )
        waiting = f"sum({series.metric('kueue_pending_workloads')}) > 0"
        yield Rule(
            expression=" unless ".join([waiting, *(f"{other} > 0" for other in quiet)]),
            minutes=self.minutes,
            meaning=f"jobs have been waiting for {self.minutes} minutes, and none runs or was admitted",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodPending(DurationLimit):
    """Limit on the time that a queue is never without waiting jobs, an upper bound of the age of the oldest one.

    Kueue publishes the number of waiting jobs and not their age.

    Args:
        minutes: Number of minutes, 1 to 1,440. Default: 240.
    """

    first_step: ClassVar = "compare the request of the oldest job with the quota of its team and what may be borrowed"
    minutes: int = 240

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the rule of a cluster, which fires for each queue."""
        yield Rule(
            expression=f"sum by (cluster_queue) ({series.metric('kueue_pending_workloads')}) > 0",
            minutes=self.minutes,
            meaning=f"queue {{{{ $labels.cluster_queue }}}} has had waiting jobs for {self.minutes} minutes",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodRestarts(HourlyLimit):
    """Limit on the number of restarts of jobs in an hour, which lose work since the last checkpoint: thrashing.

    Args:
        per_hour: Number of restarts in an hour that triggers the alert, 1 or more. Default: 6.
    """

    first_step: ClassVar = "find the job that restarts, and read the log of its first failed pod"
    per_hour: int = 6

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the rule of a cluster."""
        restarts = series.increase("hyperpod_training_operator_jobs_restarted_total", "1h")
        yield Rule(
            expression=f"sum({restarts}) >= {self.per_hour}",
            meaning=f"jobs restarted {self.per_hour} times or more in the last hour",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodRestartLatency(DurationLimit):
    """Limit on the time that a restart of a job takes, taken as seconds: AWS does not document the unit.

    Args:
        minutes: Number of minutes, 1 to 1,440. Default: 15.
    """

    first_step: ClassVar = "find the job that restarts slowly: a large checkpoint, a slow image, or missing nodes"
    minutes: int = 15

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the rule of a cluster."""
        latency = series.metric("hyperpod_training_operator_jobs_restart_latency")
        yield Rule(
            expression=f"max({latency}) > {60 * self.minutes}",
            meaning=f"the restart of a job took more than {self.minutes} minutes",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodEvictions(HourlyLimit):
    """Limit on the number of jobs of a queue that Kueue evicts in an hour for the same reason.

    Args:
        per_hour: Number of evictions in an hour that triggers the alert, 1 or more. Default: 20.
    """

    first_step: ClassVar = "compare the quotas and priorities of the teams: somebody takes back what was borrowed"

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the rule of a cluster, which fires for each queue and reason."""
        evictions = series.increase("kueue_evicted_workloads_total", "1h")
        yield Rule(
            expression=f"sum by (cluster_queue, reason) ({evictions}) >= {self.per_hour}",
            meaning=f"{self.per_hour} or more jobs of queue {{{{ $labels.cluster_queue }}}} were evicted in the last "
            "hour: {{ $labels.reason }}",
        )
