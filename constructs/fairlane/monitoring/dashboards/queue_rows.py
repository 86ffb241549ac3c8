"""Dashboard rows of one queue, the current state first."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fairlane.monitoring.dashboards.widgets import Rows, Widget, graph, number, text, total
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.series import Series, exported_metric, native_metric, search_expression
from fairlane.monitoring.statistics import percentile_text

OTHER: Final = "other"
_HOUR: Final = 3600
_NOW: Final = "now"


class QueueRows:
    """Dashboard rows of one queue.

    Args:
        queue: Queue.
        namespace: Namespace of its metrics.
        region: Region of its metrics.
        shares: Names of the shares to show.
        percentiles: Percentiles of waits and run times.
    """

    def __init__(
        self, queue: MonitoredQueue, *, namespace: str, region: str, shares: Sequence[str], percentiles: Sequence[float]
    ) -> None:
        self._queue = queue
        self._namespace = namespace
        self._region = region
        self._shares = shares
        self._percentiles = percentiles

    def now(self) -> list[Widget]:
        """Return one row with the current state: waiting jobs, the longest wait, running jobs, blocking reasons."""
        region, limit = self._region, sum(self._queue.limit.values())
        gpus = f"GPUs in use (of {self._queue.gpus})" if self._queue.gpus else "GPUs in use"
        capacity = f"In use (of {limit:g} {self._unit})" if limit else f"In use ({self._unit})"
        blocked = self._by_reason("QueueBlocked", 300)
        return [
            text(f"### {self._queue.name}\n{region}", width=3, height=3),
            number("Jobs waiting", [self._now("RunnableJobs")], region=region),
            number("Longest wait (hours)", self._hours("OldestRunnableAge", None, "age", label=_NOW), region=region),
            number("Jobs running", [self._now("RunningJobs")], region=region),
            number(gpus, [self._now("GpusInUse")], region=region),
            number(capacity, [self._now("CapacityInUse")], region=region, width=4),
            number("Recently blocked, by reason", [blocked], region=region, width=5, sparkline=False),
        ]

    def details(self) -> Iterator[list[Widget]]:
        """Yield the rows with all shares: use of the capacity, waiting jobs, durations, failures and GPU-hours."""
        region = self._region
        yield [text(f"## {self._queue.name} · {region}")]
        if self._shares:
            yield self._capacity()
            yield self._waiting()
            yield self._times()
        else:
            yield self._unshared()
        reasons = [self._by_reason("JobFailures", _HOUR)]
        yield [
            self._hourly_graph("Jobs per hour (AWS/Batch)", self._flow(), "jobs", width=12),
            self._hourly_graph("Failed jobs per hour, by reason", reasons, "jobs", width=12, stacked=True),
        ]
        if not self._shares:
            spent = self._hours("GpuSeconds", None, "seconds")
            yield [self._hourly_graph("GPU-hours of ended jobs", spent, "GPU-hours", width=24)]
        elif self._queue.quota_management:
            lost = [self._row("JobsPreempted", share, label=share) for share in self._shares]
            preempted = "Preempted attempts per hour, by share"
            yield [*self._spent(8), self._hourly_graph(preempted, lost, "attempts", stacked=True)]
        else:
            yield self._spent(12)

    def team(self) -> Iterator[list[Widget]]:
        """Yield the rows with the chosen shares only, for a team that submits to them."""
        region = self._region
        yield [text(f"## {self._queue.name} · {region}")]
        for share in self._shares:
            used = [self._row("CapacityInUse", share, label="in use")]
            if share in self._entitled:
                used.append(self._row("CapacityEntitlement", share, label="entitlement"))
            yield [
                text(f"### {share}", width=3, height=3),
                number("Jobs waiting", [self._now("RunnableJobs", share)], region=region, width=4),
                number(
                    "Longest wait (hours)",
                    self._hours("OldestRunnableAge", share, "age", label=_NOW),
                    region=region,
                    width=4,
                ),
                number("Jobs running", [self._now("RunningJobs", share)], region=region, width=4),
                number("GPUs in use", [self._now("GpusInUse", share)], region=region, width=4),
                number(f"Capacity ({self._unit})", used, region=region, width=5),
            ]
        yield self._capacity()
        yield self._waiting()
        yield self._times()
        yield self._spent(12)

    @property
    def _unit(self) -> str:
        return "instances" if self._queue.service else "vCPUs"

    @property
    def _entitled(self) -> list[str]:
        return [share for share in self._shares if share in self._queue.entitled_shares]

    def _capacity(self) -> list[Widget]:
        region, entitled = self._region, self._entitled
        used = [self._row("CapacityInUse", share, label=share) for share in self._shares]
        limit = sum(self._queue.limit.values())
        row = [
            graph(
                "Capacity in use by share, stacked",
                used,
                region=region,
                unit=self._unit,
                stacked=True,
                width=12 if entitled else 24,
                lines={"limit": limit} if limit else None,
            )
        ]
        if not entitled:
            return row
        percentages = [
            row
            for index, share in enumerate(entitled)
            for row in (
                self._hidden("CapacityInUse", share, f"used{index}"),
                self._hidden("CapacityEntitlement", share, f"entitled{index}"),
                [{"expression": f"100 * used{index} / entitled{index}", "label": share, "id": f"part{index}"}],
            )
        ]
        lending = [
            self._row(name, share, label=f"{share} {word}")
            for share in entitled
            for name, word in (("CapacityBorrowed", "borrowed"), ("CapacityLent", "lent"))
        ]
        row.append(
            graph(
                "Use of entitlement by share (above 100 %: borrowed)",
                percentages,
                region=region,
                unit="%",
                width=6,
                lines={"entitlement": 100},
            )
        )
        return [*row, graph("Borrowed and lent capacity", lending, region=region, unit=self._unit, width=6)]

    def _waiting(self) -> list[Widget]:
        region = self._region
        jobs = [self._row("RunnableJobs", share, label=share) for share in self._shares]
        ages = [
            row
            for index, share in enumerate(self._shares)
            for row in self._hours("OldestRunnableAge", share, f"age{index}", label=share)
        ]
        gpus = [self._row("GpusWanted", share, label=share) for share in self._shares]
        return [
            graph("Jobs waiting, by share", jobs, region=region, unit="jobs", stacked=True),
            graph("Longest wait, by share", ages, region=region, unit="hours"),
            graph("GPUs wanted by waiting jobs, by share", gpus, region=region, unit="GPUs", stacked=True),
        ]

    def _times(self) -> list[Widget]:
        kinds = {
            "Wait time of attempts, by share": "AttemptWaitTime",
            "Run time of attempts, by share": "AttemptRunTime",
        }
        return [
            self._hourly_graph(
                title,
                [
                    row
                    for index, share in enumerate(self._shares)
                    for number, percentile in enumerate(self._percentiles)
                    for row in self._hours(
                        name,
                        share,
                        f"time{index}x{number}",
                        statistic=percentile_text(percentile),
                        label=f"{share} {percentile_text(percentile)}",
                    )
                ],
                "hours",
                width=12,
            )
            for title, name in kinds.items()
        ]

    def _unshared(self) -> list[Widget]:
        """Return the row of a queue without shares, in place of the rows by share."""
        region, limit = self._region, sum(self._queue.limit.values())
        used, jobs = self._row("CapacityInUse", label="in use"), self._row("RunnableJobs", label="waiting")
        age = self._hours("OldestRunnableAge", None, "oldest", label="oldest job")
        lines = {"limit": limit} if limit else None
        return [
            graph("Capacity in use", [used], region=region, unit=self._unit, lines=lines),
            graph("Jobs waiting", [jobs], region=region, unit="jobs"),
            graph("Longest wait", age, region=region, unit="hours"),
        ]

    def _flow(self) -> Rows:
        names = {
            "JobsSubmitted": "submitted",
            "JobsMovedToRunning": "started",
            "JobsMovedToSucceeded": "succeeded",
            "JobsMovedToFailed": "failed, cancelled or terminated",
            "JobsRetried": "retried",
        }
        if self._queue.service:
            names["JobsPreempted"] = "preempted"
        return [native_metric(name, self._queue.name).graph_row(label=label) for name, label in names.items()]

    def _spent(self, width: int) -> list[Widget]:
        spent = [
            row
            for index, share in enumerate(self._shares)
            for row in self._hours("GpuSeconds", share, f"seconds{index}", label=share)
        ]
        return [
            self._hourly_graph("GPU-hours of ended jobs, by share", spent, "GPU-hours", width=width, stacked=True),
            total("Total GPU-hours by share", spent, region=self._region, width=width),
        ]

    def _exported(self, name: str, share: str | None = None) -> Series:
        return exported_metric(self._namespace, name, self._queue.name, share=share)

    def _row(self, name: str, share: str | None = None, **options: Any) -> list[Any]:
        return self._exported(name, share).graph_row(**options)

    def _hidden(self, name: str, share: str, metric_id: str) -> list[Any]:
        return self._row(name, share, id=metric_id, visible=False)

    def _hours(
        self, name: str, share: str | None, metric_id: str, *, statistic: str | None = None, label: str = "hours"
    ) -> Rows:
        """Return the rows that show a metric in seconds as hours."""
        series = self._exported(name, share)
        seconds = series.with_statistic(statistic or series.statistic).graph_row(id=metric_id, visible=False)
        return [seconds, [{"expression": f"{metric_id} / {_HOUR}", "label": label, "id": f"{metric_id}h"}]]

    def _now(self, name: str, share: str | None = None) -> list[Any]:
        return self._exported(name, share).with_statistic("Maximum").graph_row(label=_NOW)

    def _hourly_graph(self, title: str, rows: Rows, unit: str, *, width: int = 8, stacked: bool = False) -> Widget:
        return graph(title, rows, region=self._region, unit=unit, width=width, stacked=stacked, period=_HOUR)

    def _by_reason(self, name: str, period: int) -> list[Any]:
        """Return one line for each reason of a metric."""
        expression = search_expression(
            name,
            ["JobQueueName", "Reason"],
            namespace=self._namespace,
            statistic="Sum",
            period=period,
            JobQueueName=self._queue.name,
        )
        return [{"expression": expression, "label": "${PROP('Dim.Reason')}", "id": name.lower()}]
