"""Problems of the arguments of `QueueDashboard` and `MonitoringCost`."""

from collections.abc import Iterator, Mapping, Sequence

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.checks import check_list
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.composed_alarms import ComposedAlarms
from fairlane.monitoring.alarms.fan_out_alarms import FanOutAlarms
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.statistics import check_percentiles


def constructs_once(
    name: str, constructs: Sequence[Construct], kind: type[Construct], allowed: str = ""
) -> Iterator[Problem]:
    """Yield items of a list that are not constructs of the kind, and constructs that are given twice."""
    yield from (type_problems := list(check_list((name,), constructs, kind, allowed or kind.__name__)))
    for index, construct in enumerate(() if type_problems else constructs):
        if construct in constructs[:index]:
            yield Problem.relation((name, index), f"{construct.node.path} is given twice: remove one")


def alarms_once(alarms: Sequence[QueueAlarms | FanOutAlarms]) -> Iterator[Problem]:
    """Yield items of a list that are no alarms, and alarms that are given twice."""
    yield from constructs_once("alarms", alarms, ComposedAlarms, "QueueAlarms or FanOutAlarms")


def metrics_problems(metrics: Sequence[JobMetrics]) -> Iterator[Problem]:
    """Yield the problems of a list of exporters: wrong types, duplicates, an empty list."""
    yield from (problems := list(constructs_once("metrics", metrics, JobMetrics)))
    if not problems and not metrics:
        yield Problem.relation(("metrics",), "the list is empty: give the JobMetrics of one Region or more")


def dashboard_problems(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms | FanOutAlarms],
    queues: Sequence[str] | None,
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    stack: cdk.Stack,
) -> Iterator[Problem]:
    """Yield all problems of the arguments of `QueueDashboard`; `stack` is its stack."""
    yield from (exporter_problems := list(metrics_problems(metrics)))
    for index, exporter in enumerate(() if exporter_problems else metrics):
        if (home := cdk.Stack.of(exporter)) is not stack and is_token(home.region):
            yield Problem(("metrics", index), home.region, "metrics of a stack whose Region is known at synth")
    yield from (alarm_problems := list(alarms_once(alarms)))
    for index, queue_alarms in enumerate(() if alarm_problems else alarms):
        home = cdk.Stack.of(queue_alarms)
        if home is not stack and is_token(home.region):
            sentence = (
                f"{queue_alarms.node.path} is in another stack, whose Region is not known at synth: set env of that "
                f"stack, or use {type(queue_alarms).__name__} of the dashboard's own stack"
            )
            yield Problem.relation(("alarms", index), sentence)
        elif home.account != stack.account and not is_token(home.account) and not is_token(stack.account):
            sentence = f"{queue_alarms.node.path} is in account {home.account}: use alarms in the dashboard's account"
            yield Problem.relation(("alarms", index), sentence)
    if not exporter_problems:
        yield from _choice_problems(_shares_by_queue(metrics), queues, shares)
    yield from check_percentiles(percentiles)


def _shares_by_queue(metrics: Sequence[JobMetrics]) -> dict[str, list[str]]:
    """Return the shares by queue name; queues of the same name in several Regions are merged."""
    shares: dict[str, list[str]] = {}
    for exporter in metrics:
        for name, queue in exporter.queues.items():
            shares[name] = [*dict.fromkeys([*shares.get(name, ()), *queue.shares])]
    return shares


def _choice_problems(
    available: Mapping[str, Sequence[str]], queues: Sequence[str] | None, shares: Mapping[str, Sequence[str]] | None
) -> Iterator[Problem]:
    a_queue = f"the name of a queue of the JobMetrics: {', '.join(available)}"
    if queues is not None and shares is not None:
        yield Problem.relation(("queues",), "queues and shares are both given: give one of them")
    elif queues is not None:
        yield from _name_problems(("queues",), queues, list(available), a_queue, "queue")
    if shares is None:
        return
    if not isinstance(shares, Mapping):
        yield Problem(("shares",), shares, "shares by queue name")
        return
    if not shares:
        yield Problem.relation(("shares",), "the mapping is empty: give the shares of one queue or more")
    for name, selected in shares.items():
        if name not in available:
            yield Problem(("shares", str(name)), name, a_queue)
            continue
        if not available[name]:
            yield Problem.relation(("shares", name), f"queue {name} has no shares: remove the queue from shares")
            continue
        a_share = f"a share of queue {name}: {', '.join(available[name])}"
        yield from _name_problems(("shares", name), selected, available[name], a_share, "share")


def _name_problems(
    field: Path, names: Sequence[str], available: Sequence[str], allowed: str, kind: str
) -> Iterator[Problem]:
    yield from (type_problems := list(check_list(field, names, str, f"names of {kind}s")))
    if not type_problems and not names:
        yield Problem.relation(field, f"the list is empty: give one {kind} or more")
    for index, name in enumerate(() if type_problems else names):
        if name not in available:
            yield Problem((*field, index), name, allowed)
        elif name in names[:index]:
            yield Problem.relation((*field, index), f"{kind} {name} is given twice: remove one")
