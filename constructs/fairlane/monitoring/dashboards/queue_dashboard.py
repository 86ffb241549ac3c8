"""The dashboard of queues, for a person who has ten seconds, and of a team's shares."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.checks import check_text
from fairlane._internal.claims import Claims
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.dashboards.dashboard_problems import dashboard_problems
from fairlane.monitoring.dashboards.rows import dashboard_rows, groups_that_fit
from fairlane.monitoring.dashboards.widgets import placed, size_problems
from fairlane.monitoring.exporter.job_metrics import JobMetrics

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_DASHBOARD: Final = "dashboard"


class QueueDashboard(Construct):
    """What queues do, on one page: now, by share, what flows, how long it takes, what fails, who used how much.

    Several queues and Regions share a dashboard: each `JobMetrics` may be in another Region. With `shares` it is a
    team's variant, of those shares only. Numbers come first; alarms stand above them: those that notify, and below
    them those that are in state ALARM now, which are why.

    Updates: in place, but for another name, which replaces it. CloudWatch has one name space for the dashboards of an
    account, whatever their Region: the same name twice is refused, but not in two stacks whose accounts are known only
    at deployment, which may differ. Sources: "Dashboard body structure and syntax" in the CloudWatch documentation;
    that a dashboard has at most 2,500 metrics was in it until 2023.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        dashboard_name: 1 to 255 characters of A-Z, a-z, 0-9, - and _.
        metrics: the exporters of the queues, of one or several Regions.
        alarms: whose states stand on top, as far as they are of the exporter or of queues that are shown; those of this
            stack only, as others cannot be referred to, and with those of `add_alarm` that there are by then.
        queues: the names of the queues to show; by default all. A name is of all Regions that have such a queue.
        shares: by a queue's name, the shares of a team; then the dashboard shows nothing else.
        percentiles: of waits and run times, above 0, up to 100, with at most 10 decimals.
        runbooks: the address of the folder with the runbooks, which it links to.

    Attributes:
        dashboard: the underlying resource.
        dashboard_name: as given.

    Raises:
        ConfigurationError: With every queue, share, percentile and name that cannot be right.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dashboard_name: str,
        metrics: Sequence[JobMetrics],
        alarms: Sequence[QueueAlarms] = (),
        queues: Sequence[str] | None = None,
        shares: Mapping[str, Sequence[str]] | None = None,
        percentiles: Sequence[float] = (50, 95),
        runbooks: str = RUNBOOKS,
    ) -> None:
        stack, account = cdk.Stack.of(scope), Claims.of_account(scope)
        allowed = "1 to 255 characters of A-Z, a-z, 0-9, - and _"
        problems = list(check_text(("dashboard_name",), dashboard_name, _NAME.fullmatch, allowed))
        problems += dashboard_problems(metrics, alarms, queues, shares, percentiles, stack)
        if owner := account.owner(_DASHBOARD, dashboard_name):
            allowed = f"another name: {owner} has it, and an account has one of a name in all its Regions"
            problems.append(Problem(("dashboard_name",), dashboard_name, allowed))
        rows = []
        if not problems:
            every = [name for exporter in metrics for name in exporter.queues]
            shown = queues if queues is not None else every if shares is None else list(shares)
            rows = list(dashboard_rows(metrics, alarms, shown, shares, percentiles, runbooks.rstrip("/"), stack))
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

    @staticmethod
    def groups(metrics: Sequence[JobMetrics], *, percentiles: Sequence[float] = (50, 95)) -> list[list[str]]:
        """The names of all queues in groups, each of which has room on a dashboard: for its `queues`.

        There is one group where one dashboard has room for all; a queue that is too much for a dashboard by itself is a
        group, too.

        Args:
            metrics: the exporters of the queues.
            percentiles: as for the dashboard.
        """
        return groups_that_fit(metrics, percentiles)
