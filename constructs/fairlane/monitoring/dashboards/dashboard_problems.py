"""What a dashboard would show twice, not at all, or could not."""

from collections.abc import Iterator, Mapping, Sequence

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.checks import check_list
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.statistics import check_percentiles


def constructs_once(name: str, got: Sequence[Construct], kind: type[Construct]) -> Iterator[Problem]:
    """Yields what is no construct of a kind, and what is there twice."""
    yield from (wrong := list(check_list((name,), got, kind, kind.__name__)))
    for index, one in enumerate(() if wrong else got):
        if one in got[:index]:
            yield Problem((name, index), one.node.path, f"each {kind.__name__} once")


def metrics_problems(metrics: Sequence[JobMetrics]) -> Iterator[Problem]:
    """Yields what are no exporters, none, or one of them twice."""
    yield from (wrong := list(constructs_once("metrics", metrics, JobMetrics)))
    if not wrong and not metrics:
        yield Problem(("metrics",), "none", "the JobMetrics of one Region or more")


def dashboard_problems(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms],
    queues: Sequence[str] | None,
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    stack: cdk.Stack,
) -> Iterator[Problem]:
    """Yields every mistake; arguments as for `QueueDashboard`."""
    yield from (wrong := list(metrics_problems(metrics)))
    for index, one in enumerate(() if wrong else metrics):
        if (of := cdk.Stack.of(one)) is not stack and is_token(of.region):
            yield Problem(("metrics", index), of.region, "metrics of a stack whose Region is known at synth")
    yield from (wrong_alarms := list(constructs_once("alarms", alarms, QueueAlarms)))
    for index, some in enumerate(() if wrong_alarms else alarms):
        if cdk.Stack.of(some) is not stack:
            allowed = "QueueAlarms of the dashboard's own stack, as it cannot refer to those of another"
            yield Problem(("alarms", index), some.node.path, allowed)
    if not wrong:
        yield from _choice_problems(_known_shares(metrics), queues, shares)
    yield from check_percentiles(percentiles)


def _known_shares(metrics: Sequence[JobMetrics]) -> dict[str, list[str]]:
    """The shares of the queues of each name, which are several where Regions have a queue of the same name."""
    known: dict[str, list[str]] = {}
    for exporter in metrics:
        for name, queue in exporter.queues.items():
            known[name] = [*dict.fromkeys([*known.get(name, ()), *queue.shares])]
    return known


def _choice_problems(
    known: Mapping[str, Sequence[str]], queues: Sequence[str] | None, shares: Mapping[str, Sequence[str]] | None
) -> Iterator[Problem]:
    one_of = f"one of the queues: {', '.join(known)}"
    if queues is not None and shares is not None:
        yield Problem(("queues",), queues, "either queues or shares, which are of queues")
    elif queues is not None:
        yield from _names_problems(("queues",), queues, list(known), one_of, "queue")
    if shares is None:
        return
    if not isinstance(shares, Mapping) or not shares:
        yield Problem(("shares",), shares or "none", "the shares of one queue or more, by its name")
        return
    for name, some in shares.items():
        if name not in known:
            yield Problem(("shares", str(name)), name, one_of)
            continue
        of_queue = f"of queue {name}: {', '.join(known[name]) or 'none'}"
        yield from _names_problems(("shares", name), some, known[name], of_queue, "share")


def _names_problems(
    field: Path, some: Sequence[str], known: Sequence[str], allowed: str, kind: str
) -> Iterator[Problem]:
    yield from (wrong := list(check_list(field, some, str, f"names of {kind}s")))
    if not wrong and not some:
        yield Problem(field, "none", f"one {kind} or more, {allowed}")
    for index, name in enumerate(() if wrong else some):
        if name not in known:
            yield Problem((*field, index), name, allowed)
        elif name in some[:index]:
            yield Problem((*field, index), name, f"each {kind} once")
