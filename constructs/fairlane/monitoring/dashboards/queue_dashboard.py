"""Dashboards of queues and of a team's shares."""

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
from fairlane.monitoring.alarms.fan_out_alarms import FanOutAlarms
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.dashboards.dashboard_problems import dashboard_problems
from fairlane.monitoring.dashboards.rows import dashboard_rows, fitting_groups
from fairlane.monitoring.dashboards.widgets import layout, size_problems
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut, fan_out_problems

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CLAIM: Final = "dashboard"


class QueueDashboard(Construct):
    """CloudWatch dashboard of queues: current state, shares, job flow, durations, failures and GPU-hours by share.

    Several queues and Regions share a dashboard: each `JobMetrics` may be in another Region. With `shares`, the
    dashboard shows only the shares of a team. The first rows show the alarms of each Region that notify, and the next
    rows show the alarms in state ALARM, which are the cause. The current state of each queue follows as numbers.

    Updates: in place, except for the name, which replaces the dashboard. Dashboard names are unique in an account over
    all Regions. A second dashboard of the same name is refused at synth, except in stacks whose accounts are unknown at
    synth and may therefore differ. Unverified: alarms of several Regions on one
    dashboard. Sources: "Cross-account cross-Region dashboards" and "Dashboard body structure and syntax" in the
    CloudWatch documentation, which until 2023 included the limit of 2,500 metrics in a dashboard.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        dashboard_name: Name of the dashboard, 1 to 255 characters of A-Z, a-z, 0-9, - and _.
        metrics: Exporters of the queues, in one or several Regions.
        alarms: Alarms whose states are shown, added alarms included: the alarms of the exporter, of the queues on the
            dashboard and of fan-outs. Alarms in another stack must be in the dashboard's account, and in a Region that
            is known at synth, because the dashboard refers to them by name. Default: none.
        fan_outs: Fan-outs to show, with the lines of each Region. Default: none.
        queues: Names of the queues to show, in all Regions that have a queue of that name. Default: all queues.
        shares: Shares of a team by queue name; the dashboard shows nothing else. Default: all shares.
        percentiles: Percentiles of waits and run times, above 0, up to 100, with at most 10 decimals. Default: 50 and
            95.
        runbooks: Address of the folder with the runbooks, for the link on the dashboard. Default: docs/runbooks.

    Attributes:
        dashboard: CloudWatch dashboard.
        dashboard_name: Name of the dashboard.

    Raises:
        ConfigurationError: If a queue, a share, a percentile or the name is not valid.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dashboard_name: str,
        metrics: Sequence[JobMetrics],
        alarms: Sequence[QueueAlarms | FanOutAlarms] = (),
        fan_outs: Sequence[MonitoredFanOut] = (),
        queues: Sequence[str] | None = None,
        shares: Mapping[str, Sequence[str]] | None = None,
        percentiles: Sequence[float] = (50, 95),
        runbooks: str = RUNBOOKS,
    ) -> None:
        stack, account = cdk.Stack.of(scope), Claims.account_wide(scope)
        allowed = "1 to 255 characters of A-Z, a-z, 0-9, - and _"
        problems = list(check_text(("dashboard_name",), dashboard_name, _NAME.fullmatch, allowed))
        problems += dashboard_problems(metrics, alarms, queues, shares, percentiles, stack)
        problems += fan_out_problems(("fan_outs",), fan_outs)
        if owner := account.owner(_CLAIM, dashboard_name):
            sentence = (
                f"{owner} already has the dashboard name {dashboard_name}, and names are unique in an account over all "
                f"Regions: use another name{account.other_remedy(_CLAIM, dashboard_name)}"
            )
            problems.append(Problem.relation(("dashboard_name",), sentence))
        rows = []
        if not problems:
            all_queues = [name for exporter in metrics for name in exporter.queues]
            shown = queues if queues is not None else all_queues if shares is None else list(shares)
            settings = (shown, shares, percentiles, runbooks.rstrip("/"), stack)
            rows = list(dashboard_rows(metrics, alarms, fan_outs, *settings))
            problems = list(size_problems(rows))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        account.add(_CLAIM, dashboard_name, self)
        self.dashboard_name = dashboard_name
        self.dashboard = cloudwatch.CfnDashboard(
            self,
            "Resource",
            dashboard_name=dashboard_name,
            # Tokens in the body are names and ARNs, which contain nothing that JSON escapes.
            dashboard_body=json.dumps({"start": "-PT24H", "widgets": layout(rows)}, separators=(",", ":")),
        )

    @staticmethod
    def groups(
        metrics: Sequence[JobMetrics],
        *,
        percentiles: Sequence[float] = (50, 95),
        fan_outs: Sequence[MonitoredFanOut] = (),
    ) -> list[list[str]]:
        """Return the names of all queues in groups that each fit on one dashboard, for its argument `queues`.

        The result is one group if all queues fit on one dashboard. A queue that does not fit even alone is a group of
        its own.

        Args:
            metrics: Exporters of the queues.
            percentiles: Percentiles of waits and run times, as for the dashboard. Default: 50 and 95.
            fan_outs: Fan-outs that each dashboard has room for. Default: none.
        """
        return [names for names, _ in fitting_groups(metrics, percentiles, fan_outs)]
