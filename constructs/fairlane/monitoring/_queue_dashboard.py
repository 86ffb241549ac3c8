"""The dashboard of queues, for a person who has ten seconds, and of a team's shares."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._checks import check_list, check_text
from fairlane._claims import Claims
from fairlane._problems import ConfigurationError, Problem
from fairlane._tokens import is_token
from fairlane.monitoring._alarm_texts import RUNBOOKS
from fairlane.monitoring._exporter_rows import console, exporter_rows
from fairlane.monitoring._job_metrics import JobMetrics
from fairlane.monitoring._queue_alarms import QueueAlarms
from fairlane.monitoring._queue_rows import OTHER, QueueRows
from fairlane.monitoring._watched import Watched
from fairlane.monitoring._widgets import Widget, alarm_states, placed, size_problems, text

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_DASHBOARD: Final = "dashboard"
_MOST_PERCENT: Final = 100


class QueueDashboard(Construct):
    """What queues do, on one page: now, by share, what flows, how long it takes, what fails, who used how much.

    Several queues and Regions share a dashboard: each `JobMetrics` may be in another Region. With `shares` it is a
    team's variant, of those shares only. Numbers come first; alarms stand above them.

    Updates: in place, but for another name, which replaces it. CloudWatch has one name space for the dashboards of an
    account, whatever their Region. Sources: "Dashboard body structure and syntax" in the CloudWatch documentation; that
    a dashboard has at most 2,500 metrics was in it until 2023.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        dashboard_name: 1 to 255 characters of A-Z, a-z, 0-9, - and _.
        metrics: the exporters of the queues, of one or several Regions.
        alarms: whose states stand on top; those of this stack only, as others cannot be referred to.
        shares: by a queue's name, the shares of a team; then the dashboard shows nothing else.
        percentiles: of waits and run times, above 0, up to 100.
        runbooks: the address of the folder with the runbooks, which it links to.

    Attributes:
        dashboard: the underlying resource.
        dashboard_name: as given.

    Raises:
        ConfigurationError: with every mistake.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dashboard_name: str,
        metrics: Sequence[JobMetrics],
        alarms: Sequence[QueueAlarms] = (),
        shares: Mapping[str, Sequence[str]] | None = None,
        percentiles: Sequence[float] = (50, 95),
        runbooks: str = RUNBOOKS,
    ) -> None:
        stack, account = cdk.Stack.of(scope), Claims.of_account(scope)
        problems = list(_problems(dashboard_name, metrics, shares, percentiles, stack))
        if owner := account.owner(_DASHBOARD, dashboard_name):
            allowed = f"another name: {owner} has it, and an account has one of a name in all its Regions"
            problems.append(Problem(("dashboard_name",), dashboard_name, allowed))
        rows: list[list[Widget]] = []
        if not problems:
            rows = list(_rows(metrics, alarms, shares, percentiles, runbooks.rstrip("/"), stack))
            problems = list(size_problems(rows))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        account.add(_DASHBOARD, dashboard_name, self)
        self.dashboard_name = dashboard_name
        self.dashboard = cloudwatch.CfnDashboard(
            self,
            "Resource",
            dashboard_name=dashboard_name,
            # What is known only at deployment are names and ARNs, which JSON has nothing to escape in.
            dashboard_body=json.dumps({"start": "-PT24H", "widgets": placed(rows)}, separators=(",", ":")),
        )


def _rows(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    runbooks: str,
    stack: cdk.Stack,
) -> Iterator[list[Widget]]:
    arns = [alarm.attr_arn for one in alarms for alarm in (*one.composites.values(), *one.exporter_composites.values())]
    for widget in alarm_states("Alarms that notify, of each queue and of the exporter", arns):
        yield [widget]
    shown = [
        QueueRows(
            queue,
            namespace=exporter.namespace,
            region=cdk.Stack.of(exporter).region,
            shares=_shares(queue) if shares is None else shares[name],
            percentiles=percentiles,
        )
        for exporter in metrics
        for name, queue in exporter.queues.items()
        if shares is None or name in shares
    ]
    if shares is not None:
        for rows in shown:
            yield from rows.of_team()
        return
    yield [text(f"# Now\n{_links(stack.region, runbooks)}", height=2)]
    for rows in shown:
        yield rows.now()
    for rows in shown:
        yield from rows.whole()
    for exporter in metrics:
        of = cdk.Stack.of(exporter)
        yield from exporter_rows(exporter, region=of.region, same_stack=of is stack)


def _shares(queue: Watched) -> list[str]:
    return [*queue.shares, *([OTHER] if queue.shares and not queue.quotas else [])]


def _links(region: str, runbooks: str) -> str:
    pages = f"[runbooks]({runbooks}/README.md)" if "://" in runbooks else f"runbooks in {runbooks}"
    return f"[queues and jobs]({console(region, 'batch')}#queues) · {pages}"


def _problems(
    dashboard_name: object,
    metrics: Sequence[JobMetrics],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    stack: cdk.Stack,
) -> Iterator[Problem]:
    allowed = "1 to 255 characters of A-Z, a-z, 0-9, - and _"
    yield from check_text(("dashboard_name",), dashboard_name, _NAME.fullmatch, allowed)
    wrong = list(check_list(("metrics",), metrics, JobMetrics, "JobMetrics"))
    yield from wrong
    if not wrong and not metrics:
        yield Problem(("metrics",), "none", "the JobMetrics of one Region or more")
    for index, one in enumerate(() if wrong else metrics):
        if cdk.Stack.of(one) is not stack and is_token(cdk.Stack.of(one).region):
            yield Problem(
                ("metrics", index), cdk.Stack.of(one).region, "metrics of a stack whose Region is known at synth"
            )
    known = {} if wrong else {name: queue for one in metrics for name, queue in one.queues.items()}
    for name, some in (shares or {}).items():
        if wrong:
            break
        if name not in known:
            yield Problem(("shares", name), name, f"one of the queues: {', '.join(known)}")
            continue
        listed = list(check_list(("shares", name), some, str, "names of shares"))
        yield from listed
        for index, share in enumerate(() if listed else some):
            if share not in (has := [*known[name].shares]):
                yield Problem(("shares", name, index), share, f"of queue {name}: {', '.join(has) or 'none'}")
    for index, percentile in enumerate(percentiles):
        if isinstance(percentile, int | float) and 0 < percentile <= _MOST_PERCENT:
            continue
        yield Problem(("percentiles", index), percentile, "a percentile: a number above 0, up to 100")
