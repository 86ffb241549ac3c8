"""Environment-file model of a whole file. Pydantic checks the types; the objects of Fairlane check the values."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import ConfigDict

from fairlane._internal.checks import check_number, check_region, check_tags, check_text, is_region
from fairlane._internal.key_rules import check_log_key
from fairlane.environment.dashboard import DashboardModel
from fairlane.environment.fan_outs import FanOutModel
from fairlane.environment.images import registry_problems, replication_rules
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.images.names import Place
from fairlane.images.replication_rules import Rules

_ACCOUNT: Final = re.compile(r"[0-9]{12}")


class Environment(RegionModel, title="Fairlane environment"):
    """Configuration of one AWS account: the home Region, and other Regions under `regions`."""

    model_config = ConfigDict(json_schema_extra={"required": ["region"]})

    region: str = ""
    """Home Region, for example us-east-1. Required."""
    account: str | None = None
    """AWS account ID: twelve digits in quotes. Default: the account of the credentials that deploy the stacks."""
    termination_protection: bool = False
    """`true` protects all stacks against deletion, and keeps queues and quota shares that are removed from the file
    while they accept jobs. Default: false."""
    tags: dict[str, str] = {}
    """Tags of all resources, at most 50. Default: none."""
    dashboard: DashboardModel = DashboardModel()
    """Dashboards of all Regions that have job_metrics or hyperpod. Default: one dashboard of all queues, and one
    of each HyperPod cluster."""
    monitoring_cost_limit: float | None = None
    """Highest estimated cost of monitoring in US dollars per month, 0.01 to 1,000,000,000. The synth fails if the
    estimate is higher. Requires job_metrics or hyperpod. Default: no limit."""
    fan_outs: dict[str, FanOutModel] = {}
    """Training in many Regions from one manifest, by name. The home Region has the fan-outs. Default: none."""
    regions: dict[str, RegionModel] = {}
    """Other Regions, by the name of the Region. Each has the same keys, except account, termination_protection, tags,
    dashboard, monitoring_cost_limit, fan_outs and regions. Default: none."""

    @property
    def has_training_resources(self) -> bool:
        """True if the home Region has queues, resources for jobs or fan-outs."""
        return bool(self.fan_outs) or super().has_training_resources

    def by_region(self) -> dict[str, RegionModel]:
        """Return the settings of each Region, the home Region first."""
        return {self.region: self, **self.regions}

    def empty_problems(self) -> Iterator[Problem]:
        """Yield Regions without resources. A Region that only images are replicated to has the replicas."""
        by_region = self.by_region()
        keys = "queues, images, execution_roles or other resources"
        if not any(model.has_resources for model in by_region.values()):
            yield Problem.relation((), f"the environment has no resources: add {keys}")
            return
        replicated = {
            region for model in by_region.values() for image in model.images.values() for region in image.regions
        }
        for region, model in self.regions.items():
            if not model.has_resources and region not in replicated:
                sentence = f"the Region has no resources: add {keys}, or remove the Region"
                yield Problem.relation(("regions", region), sentence)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of each part of the environment by itself."""
        yield from check_region(("region",), self.region or None)
        if self.account is not None:
            yield from check_text(("account",), self.account, _ACCOUNT.fullmatch, "twelve digits in quotes")
        yield from check_tags(self.tags)
        for problem in self.dashboard.problems():
            yield problem.within("dashboard")
        if self.monitoring_cost_limit is not None:
            yield from check_number(("monitoring_cost_limit",), self.monitoring_cost_limit, 0.01, 10**9)
        yield from self._log_key_problems()
        yield from self._registry_problems()
        yield from self.regional_problems(self.region)
        for name, fan_out in self.fan_outs.items():
            for problem in fan_out.problems(name, self.region):
                yield problem.within("fan_outs", name)
        for region, model in self.regions.items():
            yield from check_region(("regions", region), region)
            if region == self.region:
                sentence = f"{region} is the home Region: move its keys to the top level of the file"
                yield Problem.relation(("regions", region), sentence)
            for problem in model.regional_problems(region):
                yield problem.within("regions", region)

    def _log_key_problems(self) -> Iterator[Problem]:
        account = self.account if _ACCOUNT.fullmatch(self.account or "") else None
        for region, model in self.by_region().items():
            if model.log_encryption_key is not None:
                outer: Path = () if region == self.region else ("regions", region)
                home = region if is_region(region) else None
                yield from check_log_key((*outer, "log_encryption_key"), model.log_encryption_key, home, account)

    def _registry_problems(self) -> Iterator[Problem]:
        rules: dict[Place, Rules] = {}
        for region, model in self.by_region().items():
            home = Place(self.account or "", region)
            path: Path = ("images",) if region == self.region else ("regions", region, "images")
            for problem in registry_problems(model.images, home, rules, model.image_replication):
                yield problem.within(*path)
            rules[home] = replication_rules(model.images, home.account)
