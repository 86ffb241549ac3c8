"""Environment-file settings of `job_definitions`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal

from pydantic import Tag, model_validator

from fairlane._internal.checks import is_region
from fairlane.environment.base import Model, branch, of_key
from fairlane.environment.keys import Keys
from fairlane.errors import Problem
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries, RetryRule
from fairlane.jobs.rules import GpuJobSpec, MultiNodeJobSpec

_SECRET: Final = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
_RULES: Final = {"spot-reclaimed": RetryRule.spot_reclaimed(), "image-not-pulled": RetryRule.image_not_pulled()}

RetryRuleField = Annotated[
    Annotated[RetryRule, Keys(), Tag("<rule>")]
    | Annotated[Literal["spot-reclaimed", "image-not-pulled"], Tag("<name>")],
    branch("<rule>", otherwise="<name>"),
]


class RetriesModel(Model):
    """How often a job is tried, and after which failures; whatever no rule names lets the job fail."""

    attempts: int = JobRetries().attempts
    """Number of attempts in all, 1 to 10."""
    rules: list[RetryRuleField] = ["spot-reclaimed", "image-not-pulled"]
    """At most four rules or names of rules; the first that matches counts."""

    @model_validator(mode="before")
    @classmethod
    def _take_nothing_for_defaults(cls, data: object) -> object:
        return {} if data is None else data

    def build(self) -> JobRetries:
        """Return the retries as the constructs take them."""
        rules = tuple(_RULES[rule] if isinstance(rule, str) else rule for rule in self.rules)
        return JobRetries(attempts=self.attempts, rules=rules)


RetriesField = Annotated[JobRetries, Keys(model=RetriesModel)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuJobSettings(GpuJobSpec):
    """A container that a job runs on a GPU instance.

    Args:
        queues: Queues that must accept the jobs: an instance type without room for them is a mistake.
    """

    job_definition_name: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    retries: RetriesField = DEFAULT_RETRIES
    queues: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiNodeJobSettings(MultiNodeJobSpec):
    """Containers that a job runs on several GPU instances: torchrun on each.

    Args:
        queues: Queues that must accept the jobs: an instance type without room for them is a mistake.
    """

    job_definition_name: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    retries: RetriesField = DEFAULT_RETRIES
    queues: Sequence[str] = ()


JobSettings = GpuJobSettings | MultiNodeJobSettings
_KEYS: Final = Keys(without=("job_definition_name",))
JobDefinitionField = Annotated[
    Annotated[MultiNodeJobSettings, _KEYS, Tag("<multi-node>")] | Annotated[GpuJobSettings, _KEYS, Tag("<one-node>")],
    branch("<multi-node>", "nodes", "script", otherwise="<one-node>"),
]


def job_problems(job: JobSettings, name: str, region: str) -> Iterator[Problem]:
    """Yield every value that AWS would refuse, of a job definition with a name in a Region."""
    for problem in replace(job, job_definition_name=name).problems():
        yield of_key(problem, "job_definition_name")
    for variable, arn in job.secrets.items():
        allowed = f"the ARN of a secret in AWS Secrets Manager in {region}, with the six characters at its end"
        found = _SECRET.fullmatch(arn)
        if found is None or (is_region(region) and found[1] != region):
            yield Problem(("secrets", variable), arn, allowed)
    for index, queue in enumerate(job.queues):
        if queue in job.queues[:index]:
            yield Problem(("queues", index), queue, "each queue once")
