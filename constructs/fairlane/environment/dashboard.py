"""Environment-file model of `dashboard`."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.statistics import check_percentiles

_TEAM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class DashboardModel(Model):
    """The dashboard of all queues of the environment, and those of teams."""

    enabled: bool = True
    """Whether there is one."""
    percentiles: list[float] = [50, 95]
    """Of waits and run times, above 0, up to 100."""
    teams: dict[str, dict[str, list[str]]] = {}
    """Dashboards of teams by a name of yours: the shares of each queue that are the team's."""

    def problems(self) -> Iterator[Problem]:
        """Yields every mistake that needs no queue to see it."""
        yield from check_percentiles(self.percentiles)
        for team in self.teams:
            allowed = "1 to 64 characters of A-Z, a-z, 0-9, - and _"
            yield from check_text(("teams", team), team, _TEAM.fullmatch, allowed)
