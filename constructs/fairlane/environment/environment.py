"""What stands in an environment file: pydantic checks its shape, Fairlane's own objects its meaning."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import ConfigDict

from fairlane._internal.checks import check_number, check_tags, check_text, is_region
from fairlane.environment.dashboard import DashboardModel
from fairlane.environment.images import registry_problems, rules_of
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.images.names import Place
from fairlane.images.replication_rules import Rules

_ACCOUNT: Final = re.compile(r"\d{12}")


class Environment(RegionModel):
    """One account of a platform team: its home Region, and others under `regions`."""

    model_config = ConfigDict(json_schema_extra={"required": ["region"]})

    region: str = ""
    """The home Region; required."""
    account: str | None = None
    """Twelve digits in quotes; if absent, the account of whoever deploys."""
    termination_protection: bool = False
    """Whether the stacks refuse to be deleted."""
    tags: dict[str, str] = {}
    """Tags for all that is made."""
    dashboard: DashboardModel = DashboardModel()
    """With job_metrics: one dashboard of all queues in all Regions, and one of each team."""
    monitoring_cost_limit: float | None = None
    """The most that monitoring may be estimated at, in US dollars a month; none by default."""
    regions: dict[str, RegionModel] = {}
    """Other Regions, each with the same keys as the home Region."""

    def by_region(self) -> dict[str, RegionModel]:
        """What stands in each Region, the home Region first."""
        return {self.region: self, **self.regions}

    def problems(self) -> Iterator[Problem]:
        """Yields every mistake of each part of the environment by itself."""
        yield from _check_region(("region",), self.region or None)
        if self.account is not None:
            yield from check_text(("account",), self.account, _ACCOUNT.fullmatch, "twelve digits in quotes")
        yield from check_tags(self.tags)
        for problem in self.dashboard.problems():
            yield problem.within("dashboard")
        if self.monitoring_cost_limit is not None:
            yield from check_number(("monitoring_cost_limit",), self.monitoring_cost_limit, 0.01, 10**9)
        yield from self._registry_problems()
        yield from self.regional_problems(self.region)
        for region, model in self.regions.items():
            yield from _check_region(("regions", region), region)
            if region == self.region:
                yield Problem(("regions", region), region, "Regions other than the home region, whose keys stand above")
            for problem in model.regional_problems(region):
                yield problem.within("regions", region)

    def _registry_problems(self) -> Iterator[Problem]:
        seen: dict[Place, Rules] = {}
        for region, model in self.by_region().items():
            home = Place(self.account or "", region)
            where: Path = ("images",) if region == self.region else ("regions", region, "images")
            for problem in registry_problems(model.images, home, seen, model.image_replication):
                yield problem.within(*where)
            seen[home] = rules_of(model.images, home.account)


def _check_region(field: tuple[str, ...], region: str | None) -> Iterator[Problem]:
    yield from check_text(field, region, is_region, "a Region such as us-east-1")
