"""Environment-file settings of `job_definitions`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal

from pydantic import Tag, model_validator

from fairlane._internal.checks import is_region
from fairlane.environment.base import Model, branch, entry_problem
from fairlane.environment.keys import Keys
from fairlane.errors import Problem
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries, RetryRule
from fairlane.jobs.rules import GpuJobSpec, MultiNodeJobSpec

_SECRET: Final = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
_RULES: Final = {"spot-reclaimed": RetryRule.spot_reclaimed(), "image-not-pulled": RetryRule.image_not_pulled()}

RetryRuleField = Annotated[
    Annotated[RetryRule, Keys(), Tag("<rule>")]
    | Annotated[Literal["spot-reclaimed", "image-not-pulled"], Tag("<name>")],
    branch("<rule>", otherwise="<name>"),
]


class RetriesModel(Model, title="retries"):
    """Number of attempts of a job, and the failures after which AWS Batch tries again. Other failures end the job."""

    attempts: int = JobRetries().attempts
    """Number of attempts in all, 1 to 10. Default: 3."""
    rules: list[RetryRuleField] = ["spot-reclaimed", "image-not-pulled"]
    """At most 4 rules, or names of rules: spot-reclaimed, image-not-pulled. The first rule that matches a failure
    applies. Default: both names."""

    @model_validator(mode="before")
    @classmethod
    def _read_null_as_defaults(cls, data: object) -> object:
        return {} if data is None else data

    def build(self) -> JobRetries:
        """Return the retries as an object of `fairlane.jobs`."""
        rules = tuple(_RULES[rule] if isinstance(rule, str) else rule for rule in self.rules)
        return JobRetries(attempts=self.attempts, rules=rules)


RetriesField = Annotated[JobRetries, Keys(model=RetriesModel)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuJobSettings(GpuJobSpec):
    """Job definition of a container on one GPU instance.

    Args:
        queues: Names of queues with `compute_environments` that must accept the jobs. The file is refused if no
            instance of a queue has room for a job. Default: none.
    """

    job_definition_name: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    retries: RetriesField = DEFAULT_RETRIES
    queues: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiNodeJobSettings(MultiNodeJobSpec):
    """Job definition of containers on several GPU instances; torchrun starts the script on each instance.

    Args:
        queues: Names of queues with `compute_environments` that must accept the jobs. The file is refused if no
            instance of a queue has room for a job. Default: none.
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
    """Yield the problems of a job definition by itself.

    Args:
        job: Settings of the job definition.
        name: Name of the job definition.
        region: Region of the job definition.
    """
    for problem in replace(job, job_definition_name=name).problems():
        yield entry_problem(problem, "job_definition_name")
    for variable, arn in job.secrets.items():
        allowed = f"the ARN of a Secrets Manager secret in {region}, including the six characters at the end"
        match = _SECRET.fullmatch(arn)
        if match is None or (is_region(region) and match[1] != region):
            yield Problem(("secrets", variable), arn, allowed)
    for index, queue in enumerate(job.queues):
        if queue in job.queues[:index]:
            yield Problem.relation(("queues", index), f"{queue} is listed twice: list each queue once")
