"""Environment-file model of `dashboard`."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.statistics import check_percentiles

_TEAM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class DashboardModel(Model, title="dashboards"):
    """Dashboard of all queues in all Regions, and one dashboard for each team and each HyperPod cluster."""

    enabled: bool = True
    """`false` creates no dashboards. Default: true."""
    percentiles: list[float] = [50, 95]
    """Percentiles of wait times and run times, above 0, up to 100, with at most 10 decimals. Default: 50 and 95."""
    teams: dict[str, dict[str, list[str]]] = {}
    """Dashboards of teams, by a name of your choice: 1 to 64 characters of A-Z, a-z, 0-9, - and _. Each team maps
    names of queues to lists of the team's shares. Default: none."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the dashboards that need no queue."""
        yield from check_percentiles(self.percentiles)
        for team in self.teams:
            allowed = "1 to 64 characters of A-Z, a-z, 0-9, - and _"
            yield from check_text(("teams", team), team, _TEAM.fullmatch, allowed)
