"""Terminal tables of queues, jobs, metrics, messages and image repositories."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from fairlane_local.batch.deployed_queues import VCPUS, DeployedQueue
from fairlane_local.console.sample_jobs import SampleJobs, Scenario
from fairlane_local.console.texts import duration_text, lending_text, policy_text, unit_text
from fairlane_local.ecr.deployed_repositories import DeployedRepository


def queue_table(queues: Iterable[DeployedQueue], *, title: str) -> Table:
    """Return a table of queues and their shares, which fits into 80 columns for names of usual length."""
    table = _table(title)
    table.add_column("Queue or share", overflow="fold")
    table.add_column("Policy or unit", overflow="fold")
    for header in ("Entitlement", "Ceiling"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Lending", overflow="fold")
    for queue in queues:
        name = queue.name if queue.state == "ENABLED" else f"{queue.name} (draining)"
        table.add_row(f"[bold]{name}[/]", f"[italic]{policy_text(queue.scheduling)}[/]")
        for row in _rows(queue):
            table.add_row(*row)
        table.add_section()
    return table


def metrics_table(rows: Iterable[tuple[str, str, str]], *, title: str) -> Table:
    """Return a table of metrics with name, dimensions and value."""
    table = _table(title)
    table.add_column("Metric", no_wrap=True)
    table.add_column("Dimensions", overflow="fold")
    table.add_column("Value", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def images_table(repositories: Iterable[DeployedRepository], *, title: str) -> Table:
    """Return a table of repositories with home Region, destinations and immutable tags."""
    table = _table(title)
    table.add_column("Repository", overflow="fold")
    table.add_column("Home Region", no_wrap=True)
    table.add_column("Replicated to", overflow="fold")
    table.add_column("Immutable tags", overflow="fold")
    for repository in repositories:
        destinations = ", ".join(repository.destinations) or "no other Region"
        table.add_row(repository.name, repository.region, destinations, _immutable_tags(repository))
    return table


def sample_jobs_table(scenario: Scenario, statuses: Mapping[SampleJobs, Sequence[str]]) -> Table:
    """Return a table of sample jobs.

    Args:
        scenario: Scenario of the jobs.
        statuses: Statuses of sample jobs after each minute.
    """
    table = _table("")
    table.add_column("Job", overflow="fold")
    table.add_column("Share", overflow="fold")
    table.add_column("vCPUs" if scenario.unit == VCPUS else "Instances", justify="right", no_wrap=True)
    moments = 1 + max(sample.minute for sample in scenario.samples)
    for minute in range(1, moments + 1):
        table.add_column(f"After {minute} min", overflow="fold")
    for sample in scenario.samples:
        table.add_row(sample.name, sample.share, str(sample.size), *statuses[sample][:moments])
    return table


def training_table(rows: Iterable[tuple[str, ...]], owner: str) -> Table:
    """Return a table of jobs with name, share, and status before a share needs its capacity, then, and in the end."""
    table = _table("")
    for header in ("Job", "Share", "At first", f"{owner} trains", "In the end"):
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def leaderboard_table(
    parameters: Sequence[Mapping[str, Any]], sources: Mapping[str, Sequence[tuple[int, float]]]
) -> Table:
    """Return a table of the best runs: their parameters, and the runs with their values by source.

    Args:
        parameters: Parameters of the best runs, in their order.
        sources: Indices and values of the runs, in their order, by the source that they are read from.
    """
    table = _table("")
    table.add_column("Rank", justify="right")
    for name in parameters[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for name in sources:
        table.add_column(name, justify="right", no_wrap=True)
    for rank, values in enumerate(parameters):
        runs = (rows[rank] for rows in sources.values())
        table.add_row(str(rank + 1), *map(str, values.values()), *(f"{index}: {value:.6f}" for index, value in runs))
    return table


def fan_out_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of the lines of a fan-out: Region, GPUs, state of the job, and reason of the Region."""
    table = _table("")
    table.add_column("Line", no_wrap=True)
    table.add_column("Region", no_wrap=True)
    table.add_column("GPUs", justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Why there", overflow="fold")
    for row in rows:
        table.add_row(row["id"], row["region"], str(row["gpus"]), row["state"], escape(row["placement"]))
    return table


def teams_table(rows: Iterable[tuple[str, ...]], *, title: str) -> Table:
    """Return a table of the teams of a HyperPod cluster: name, quota, sharing and fair-share weight."""
    table = _table(title)
    table.add_column("Team", no_wrap=True)
    for header in ("Quota", "Sharing"):
        table.add_column(header, overflow="fold")
    table.add_column("Weight", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def caps_table(rows: Iterable[tuple[str, ...]], *, title: str) -> Table:
    """Return a table of ResourceQuotas: namespace, amount, admitted pods, their GPUs, and state of the last pod."""
    table = _table(title)
    for header in ("Namespace", "ResourceQuota"):
        table.add_column(header, overflow="fold")
    for header in ("Pods\nadmitted", "GPUs"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Pod above\nthe cap", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def log_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Return a table of log lines with the name of the job."""
    table = _table("")
    table.add_column("Job", no_wrap=True)
    table.add_column("Line", overflow="fold")
    for name, line in rows:
        table.add_row(name, escape(line))
    return table


def alarms_table(rows: Iterable[tuple[str, str, str]], *, title: str) -> Table:
    """Return a table of state changes with time, new state and alarm."""
    table = _table(title)
    table.add_column("Time", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Alarm", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def jobs_table(jobs: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Return a table of jobs, as the control call `jobs` returns them."""
    table = _table(title)
    table.add_column("Job", overflow="fold")
    table.add_column("Share", overflow="fold")
    table.add_column("Status", no_wrap=True)
    for header in ("Priority", "vCPUs" if jobs and jobs[0]["unit"] == "VCPU" else "Instances", "Waited"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    for job in jobs:
        priority = "" if job["priority"] is None else str(job["priority"])
        size, waited = str(job["size"]), duration_text(job["waited"])
        table.add_row(job["name"], job["share"], job["status"], priority, size, waited, escape(job["reason"]))
    return table


def notifications_table(messages: Iterable[Mapping[str, Any]], *, title: str) -> Table:
    """Return a table of messages to SNS topics, as the control call `notifications` returns them."""
    table = _table(title)
    table.add_column("Time", no_wrap=True)
    for header in ("Topic", "Subject", "Subscribers"):
        table.add_column(header, overflow="fold")
    for message in messages:
        topic = message["topic"].rpartition(":")[2]
        table.add_row(message["time"], topic, escape(message["subject"]), "\n".join(message["subscribers"]))
    return table


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
    )


def _rows(queue: DeployedQueue) -> Iterator[tuple[str, ...]]:
    entitlements = queue.scheduling.entitlements(queue.capacity)
    ceilings = queue.scheduling.ceilings(queue.capacity)
    for share, numbers in entitlements.items():
        for unit, number in numbers.items():
            ceiling = _number(ceilings[share][unit])
            yield f"  {share}", unit_text(unit), _number(number), ceiling, lending_text(queue.scheduling, share)
    if not entitlements:
        for unit, number in queue.capacity.items():
            yield "  all jobs", unit_text(unit), "", _number(number), ""


def _immutable_tags(repository: DeployedRepository) -> str:
    exceptions = ", ".join(repository.exceptions)
    if repository.mutability.startswith("IMMUTABLE"):
        return f"all but {exceptions}" if exceptions else "all"
    return exceptions or "none"


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
