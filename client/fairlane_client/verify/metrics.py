"""Checks of the metrics that AWS Batch publishes."""

from datetime import datetime, timedelta
from typing import Final

from fairlane_client.verify.account import Account
from fairlane_client.verify.findings import Findings, Unsettled
from fairlane_client.verify.jobs import Jobs

_NAMES: Final = (
    "JobsSubmitted",
    "JobsMovedToRunnable",
    "JobsMovedToStarting",
    "JobsMovedToRunning",
    "JobsMovedToSucceeded",
    "JobsMovedToFailed",
    "JobsTerminated",
    "JobSubmittedToRunnableDuration",
    "JobSubmittedToFirstStartingDuration",
    "JobAttemptRunnableToStartingDuration",
    "JobAttemptStartingToRunningDuration",
    "JobAttemptExecutionDuration",
    "JobAttemptDuration",
)
"""Metrics that the jobs of a run cause in the fair-share queue."""

_WAIT_SECONDS: Final = 15 * 60
_MARGIN: Final = timedelta(minutes=5)


def check_metrics(account: Account, jobs: Jobs, start: datetime, findings: Findings) -> None:
    """Wait up to 15 minutes for the metrics of the run, and settle their names and units.

    Args:
        account: Account and Region of the metrics.
        jobs: Jobs of the run, which have ended.
        start: Start of the run.
        findings: Findings of the run.
    """
    queue = jobs.queue("FairShareQueue").rpartition("/")[2]
    units: dict[str, str] = {}
    with findings.check("metric-names", "metric-units"):
        for _ in jobs.polls(_WAIT_SECONDS):
            for name in _NAMES:
                if name not in units and (unit := _unit(account, queue, name, start)):
                    units[name] = unit
            if len(units) == len(_NAMES):
                break
        if not units:
            raise Unsettled(f"no metric of the queue arrived within {_WAIT_SECONDS // 60} minutes")
        expected = {name: "Milliseconds" if name.endswith("Duration") else "Count" for name in units}
        findings.settle("metric-units", units == expected, ", ".join(f"{name} {unit}" for name, unit in units.items()))
        if missing := [name for name in _NAMES if name not in units]:
            raise Unsettled(f"no data of {', '.join(missing)}: AWS Batch does not guarantee each data point")
        findings.settle("metric-names", True, ", ".join(units))


def _unit(account: Account, queue: str, name: str, start: datetime) -> str:
    """Return the unit of a metric. Empty if it has no data yet."""
    answer = account.clients["cloudwatch"].get_metric_statistics(
        Namespace="AWS/Batch",
        MetricName=name,
        Dimensions=[{"Name": "JobQueueName", "Value": queue}],
        StartTime=start - _MARGIN,
        EndTime=start + timedelta(hours=3),
        Period=60,
        Statistics=["Sum"],
    )
    return str(answer["Datapoints"][0]["Unit"]) if answer["Datapoints"] else ""
