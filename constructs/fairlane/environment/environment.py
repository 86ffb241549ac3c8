"""Environment-file model of a whole file. Pydantic checks the types; the objects of Fairlane check the values."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import ConfigDict

from fairlane._internal.checks import check_number, check_region, check_tags, check_text, is_region
from fairlane._internal.key_rules import check_log_key
from fairlane.environment.acknowledge import acknowledge_problems
from fairlane.environment.dashboard import DashboardModel
from fairlane.environment.fan_outs import FanOutModel
from fairlane.environment.hyperpod import FolderField
from fairlane.environment.images import registry_problems, replication_rules
from fairlane.environment.regions import RegionModel
from fairlane.environment.stack_rules import MAX_STACK_NAME, STACK_PREFIX, stack_setting_problems
from fairlane.errors import Path, Problem
from fairlane.images.names import Place
from fairlane.images.replication_rules import Rules

ACCOUNT: Final = re.compile(r"[0-9]{12}")


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
    stack_prefix: str = STACK_PREFIX
    """Start of the names of all stacks and dashboards, and of workgroups, databases and parameters of sweep stores: 1
    to 32 letters, digits and hyphens. A change creates new stacks beside the old ones. Default: fairlane."""
    permissions_boundary: str | None = None
    """ARN of the managed policy that is the permissions boundary of all roles. Default: no permissions boundary."""
    log_retention_days: int | None = None
    """Number of days that all log groups of the stacks keep their events: a value that CloudWatch Logs accepts, 1 to
    3653. Default: 30."""
    qualifier: str | None = None
    """Qualifier of the bootstrap stack: 1 to 10 lowercase letters, digits and hyphens. Default: the qualifier of the
    CDK app."""
    acknowledge: dict[str, str] = {}
    """Reasons for warnings of the synth, by the id of the warning. The synth does not print these warnings. Default:
    none."""
    dashboard: DashboardModel = DashboardModel()
    """Dashboards of all Regions that have job_metrics or hyperpod. Default: one dashboard of all queues, and one
    of each HyperPod cluster."""
    monitoring_cost_limit: float | None = None
    """Highest estimated cost of monitoring in US dollars per month, 0.01 to 1,000,000,000. The synth fails if the
    estimate is higher. Requires job_metrics or hyperpod. Default: no limit."""
    prices: FolderField | None = None
    """Path of a file, or of a folder of files *.json, with the output of `aws pricing get-products`, relative to the
    folder of the environment file. The synth reads the prices of instances from it. Default: prices are unknown."""
    fan_outs: dict[str, FanOutModel] = {}
    """Training in many Regions from one manifest, by name. The home Region has the fan-outs. Default: none."""
    regions: dict[str, RegionModel] = {}
    """Other Regions, by the name of the Region. Each has the same keys, except account, termination_protection, tags,
    stack_prefix, permissions_boundary, log_retention_days, qualifier, acknowledge, dashboard, monitoring_cost_limit,
    prices, fan_outs and regions. Default: none."""

    @property
    def has_training_resources(self) -> bool:
        """True if the home Region has queues, resources for jobs or fan-outs."""
        return bool(self.fan_outs) or super().has_training_resources

    def by_region(self) -> dict[str, RegionModel]:
        """Return the settings of each Region, the home Region first."""
        return {self.region: self, **self.regions}

    def stack_name(self, name: str, region: str) -> str:
        """Return the start of the names of a Region's stacks.

        Args:
            name: Name of the environment.
            region: Name of the Region.
        """
        return "-".join([self.stack_prefix, name, *([] if region == self.region else [region])])

    def stack_name_problems(self, name: str) -> Iterator[Problem]:
        """Yield a problem if the name of a stack is too long.

        Args:
            name: Name of the environment.
        """
        for region, model in self.by_region().items():
            for kind in ("monitoring", *(f"hyperpod-{cluster}-monitoring" for cluster in model.hyperpod)):
                stack = f"{self.stack_name(name, region)}-{kind}"
                if len(stack) > MAX_STACK_NAME:
                    sentence = (
                        f"the stack name {stack} has {len(stack)} characters, but AWS CloudFormation accepts "
                        f"{MAX_STACK_NAME}: use a shorter stack_prefix, file name or cluster name"
                    )
                    yield Problem.relation(("stack_prefix",), sentence)

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
            yield from check_text(("account",), self.account, ACCOUNT.fullmatch, "twelve digits in quotes")
        yield from check_tags(self.tags)
        yield from stack_setting_problems(
            stack_prefix=self.stack_prefix,
            permissions_boundary=self.permissions_boundary,
            log_retention_days=self.log_retention_days,
            qualifier=self.qualifier,
            account=self._known_account,
        )
        yield from acknowledge_problems(self.acknowledge)
        for problem in self.dashboard.problems():
            yield problem.within("dashboard")
        if self.monitoring_cost_limit is not None:
            yield from check_number(("monitoring_cost_limit",), self.monitoring_cost_limit, 0.01, 10**9)
        if self.prices == "":
            yield Problem(("prices",), self.prices, "the path of a file or folder, relative to the folder of this file")
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

    @property
    def _known_account(self) -> str | None:
        return self.account if ACCOUNT.fullmatch(self.account or "") else None

    def _log_key_problems(self) -> Iterator[Problem]:
        account = self._known_account
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
