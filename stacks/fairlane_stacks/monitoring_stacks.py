"""Alarms and dashboards of all Regions, in as many monitoring stacks as they need."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import Environment
from fairlane.monitoring import QueueDashboard
from fairlane.monitoring.dashboards.rows import fitting_groups, row_characters, team_rows
from fairlane_stacks.monitoring_room import Size, count_stacks, dashboard_place, place
from fairlane_stacks.monitoring_stack import MonitoringStack
from fairlane_stacks.regional_stack import RegionalStack, StackSettings

_ALARM_ARN: Final = 130
"""Characters of the ARN of an alarm on a dashboard, without the name of the queue."""
_EXPORTER_ALARMS: Final = 3
"""Alarms of the exporter on a dashboard, for each queue."""


def add_monitoring(
    name: str,
    environment: Environment,
    stacks: Mapping[str, MonitoringStack],
    settings: Callable[[str], StackSettings],
) -> list[RegionalStack]:
    """Add the alarms of all Regions, and the dashboards of all Regions and teams; return the further stacks.

    Further stacks are named `<prefix>-<name>-monitoring-2`, `-3` and so on. If the queues do not fit on one dashboard,
    there are further dashboards `<prefix>-<name>-2`, `-3` and so on.

    Args:
        name: Name of the environment.
        environment: Content of the environment file.
        stacks: First monitoring stack of each Region. The first of them gets the dashboards.
        settings: Function from a Region to the settings of its stacks.
    """
    dashboards = _Dashboards(name, environment, list(stacks.values()))
    further: list[RegionalStack] = []
    for region, stack in stacks.items():
        home = stack is dashboards.home
        queues = stack.queue_sizes
        parts = {f"queue {queue}": size for queue, size in queues.items()}
        parts |= dashboards.team_sizes if home else {}
        sizes = dashboards.sizes if home else ()
        number = count_stacks(stack.stack_name, stack.first_size, parts, sizes, stack.smallest_number)
        in_stack = {
            place_number: [queue for queue in queues if place(f"queue {queue}", number) == place_number]
            for place_number in range(1, number + 1)
        }
        stack.add_alarms(in_stack[1])
        for place_number in range(2, number + 1):
            construct_id = f"{stack.stack_name}-{place_number}"
            stack.add_further(construct_id, in_stack[place_number], **settings(region))
        further += stack.further
        if number > stack.smallest_number:
            cdk.Annotations.of(stack).add_warning_v2(
                "fairlane:MonitoringStack.stacks",
                f"the monitoring takes {number} stacks: set stacks: {number} in job_metrics, so that no alarm moves to "
                "another stack when queues are removed",
            )
    dashboards.add()
    return further


class _Dashboards:
    """Dashboards of all Regions and of the teams.

    Args:
        name: Name of the environment.
        environment: Content of the environment file.
        stacks: First monitoring stack of each Region.

    Attributes:
        home: Stack of the first dashboard.
        sizes: Estimated size of each numbered dashboard.
        team_sizes: Estimated size of the dashboard of each team, by its name after `team `.
    """

    def __init__(self, name: str, environment: Environment, stacks: list[MonitoringStack]) -> None:
        self.home = stacks[0]
        self._stacks = stacks
        self._prefix = environment.stack_name(name, environment.region)
        self._model = environment.dashboard
        self._fan_outs = [fan_out for stack in stacks for fan_out in stack.fan_outs]
        self._groups: list[tuple[list[str], int]] = []
        self.sizes: list[Size] = []
        self.team_sizes: dict[str, Size] = {}
        if not self._model.enabled:
            return
        metrics = [stack.job_metrics for stack in stacks]
        self._groups = fitting_groups(metrics, self._model.percentiles, self._fan_outs)
        self.sizes = [Size(1, characters + self._arn_characters(queues)) for queues, characters in self._groups]
        for team, shares in self._model.teams.items():
            rows = team_rows(metrics, shares, self._model.percentiles)
            self.team_sizes[f"team {team}"] = Size(1, row_characters([*rows]) + 1_000)

    def add(self) -> None:
        """Create the dashboards, each in its stack."""
        if not self._model.enabled:
            return
        alarms = [alarms for stack in self._stacks for alarms in stack.all_alarms]
        create = partial(
            QueueDashboard,
            metrics=[stack.job_metrics for stack in self._stacks],
            percentiles=self._model.percentiles,
            runbooks=self.home.settings.runbooks,
        )
        places: list[cdk.Stack] = [self.home, *self.home.further]
        for number, (queues, _) in enumerate(self._groups, 1):
            suffix = f"-{number}" if number > 1 else ""
            more: Any = {"fan_outs": self._fan_outs if number == 1 else [], "queues": queues, "alarms": alarms}
            scope = places[dashboard_place(number, len(places)) - 1]
            dashboard = create(scope, f"Dashboard{suffix}", dashboard_name=f"{self._prefix}{suffix}", **more)
            self.home.dashboards.append(dashboard)
        for team, shares in self._model.teams.items():
            scope = places[place(f"team {team}", len(places)) - 1]
            teams = scope.node.try_find_child("Teams")
            parent = teams if isinstance(teams, Construct) else Construct(scope, "Teams")
            dashboard = create(parent, team, dashboard_name=f"{self._prefix}-{team}", shares=shares)
            self.home.dashboards.append(dashboard)

    def _arn_characters(self, queues: list[str]) -> int:
        """Return the characters of the ARNs of alarms on a dashboard of some queues."""
        characters = 0
        for stack in self._stacks:
            for name, size in stack.queue_sizes.items():
                characters += (size.resources + _EXPORTER_ALARMS) * (_ALARM_ARN + len(name)) if name in queues else 0
        return characters
