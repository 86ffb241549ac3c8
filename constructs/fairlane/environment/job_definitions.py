"""The part of an environment file that job definitions for GPU machines are in."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, cast

from pydantic import ConfigDict, Field, Tag

from fairlane._internal.checks import is_region
from fairlane.capacity.fit import JobSize
from fairlane.environment.base import Model, branch, of_key
from fairlane.errors import Problem
from fairlane.jobs.retries import JobRetries, RetryAction, RetryRule
from fairlane.jobs.rules import JobArguments, gpu_job_problems, known, multi_node_job_problems, needs_of
from fairlane.jobs.volumes import EfsVolume, HostVolume

_SECRET: Final = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
_RULES: Final = {"spot-reclaimed": RetryRule.spot_reclaimed(), "image-not-pulled": RetryRule.image_not_pulled()}


class HostVolumeModel(Model):
    """A folder of the machine."""

    source_path: str
    """Where it is on the machine, from / on."""
    container_path: str
    """Where the container sees it, from / on."""
    read_only: bool = False
    """Whether the container may not write to it."""

    def build(self) -> HostVolume:
        """The volume as the constructs take it."""
        return HostVolume(**dict(self))


class EfsVolumeModel(Model):
    """A file system of EFS."""

    file_system_id: str
    """Such as fs-0123456789abcdef0."""
    container_path: str
    """Where the container sees it, from / on."""
    access_point_id: str | None = None
    """The access point to go through; then the job's role says who may."""
    read_only: bool = False
    """Whether the container may not write to it."""

    def build(self) -> EfsVolume:
        """The volume as the constructs take it."""
        return EfsVolume(**dict(self))


VolumeField = Annotated[
    Annotated[HostVolumeModel, Tag("<host>")] | Annotated[EfsVolumeModel, Tag("<efs>")],
    branch("<host>", "source_path", otherwise="<efs>"),
]


class RetryRuleModel(Model):
    """What to do with a failed attempt that looks a certain way; all patterns given must match."""

    action: Annotated[RetryAction, Field(strict=False)] = RetryAction.RETRY
    """Try again, or let the job fail."""
    on_status_reason: str | None = None
    """Matches the status reason; the last character may be *."""
    on_reason: str | None = None
    """Matches the reason of the container; the last character may be *."""
    on_exit_code: str | None = None
    """Matches the exit code of the container, in quotes; the last character may be *."""

    def build(self) -> RetryRule:
        """The rule as the constructs take it."""
        return RetryRule(**dict(self))


RetryRuleField = Annotated[
    Annotated[RetryRuleModel, Tag("<rule>")] | Annotated[Literal["spot-reclaimed", "image-not-pulled"], Tag("<name>")],
    branch("<rule>", otherwise="<name>"),
]


class RetriesModel(Model):
    """How often a job is tried, and after which failures; whatever no rule names lets the job fail."""

    attempts: int = 3
    """How often in all, 1 to 10."""
    rules: list[RetryRuleField] = ["spot-reclaimed", "image-not-pulled"]
    """At most four; the first that matches counts."""

    def build(self) -> JobRetries:
        """The retries as the constructs take them."""
        rules = [_RULES[rule] if isinstance(rule, str) else rule.build() for rule in self.rules]
        return JobRetries(attempts=self.attempts, rules=tuple(rules))


class JobDefinitionModel(Model):
    """What all job definitions have."""

    model_config = ConfigDict(json_schema_extra={"required": ["image"]})

    # Required, but empty until problems() says so: else its absence would hide what else is wrong.
    image: str = ""
    """The URI of the image, by digest or by a tag that does not move."""
    queues: list[str] = []
    """Queues that it will run on: whatever has no machine for it there is a mistake."""
    instance_type: str | None = None
    """The machine that vCPUs and memory are worked out from."""
    memory_mib: int | None = None
    """Memory, shared memory included; by default the part of the machine that belongs to the job's GPUs."""
    shared_memory_mib: int | None = None
    """The size of /dev/shm; half of the memory by default."""
    environment: dict[str, str] = {}
    """Variables, which whoever describes jobs can read."""
    secrets: dict[str, str] = {}
    """Variables whose values come from AWS Secrets Manager, by the secrets' ARNs."""
    read: list[str] = []
    """S3 URIs of prefixes to read from, each with / at the end."""
    write: list[str] = []
    """S3 URIs of prefixes to write to and read from, each with / at the end."""
    volumes: list[VolumeField] = []
    """Folders from outside the container."""
    retries: RetriesModel | None = None
    """How often, and after what; by default three times in all, after Spot reclaims and images that were not pulled."""
    timeout_seconds: int | None = None
    """Stops an attempt that runs longer, 60 or more."""
    scheduling_priority: int = 0
    """0 to 9999; higher goes first within a share."""
    tags: dict[str, str] = {}

    def arguments(self, name: str) -> JobArguments:
        """What all constructs of job definitions take alike."""
        same = {key: value for key, value in self if key in JobArguments.__annotations__}
        retries = self.retries.build() if self.retries else JobRetries()
        volumes = [volume.build() for volume in self.volumes]
        return cast(JobArguments, same | {"job_definition_name": name, "volumes": volumes, "retries": retries})

    def own_problems(self, region: str) -> Iterator[Problem]:
        """Yields every ARN that cannot be that of a secret in the Region, and queues that stand twice."""
        for variable, arn in self.secrets.items():
            allowed = f"the ARN of a secret in AWS Secrets Manager in {region}, with the six characters at its end"
            found = _SECRET.fullmatch(arn)
            if found is None or (is_region(region) and found[1] != region):
                yield Problem(("secrets", variable), arn, allowed)
        for index, queue in enumerate(self.queues):
            if queue in self.queues[:index]:
                yield Problem(("queues", index), queue, "each queue once")


class GpuJobDefinitionModel(JobDefinitionModel):
    """What a job on a GPU machine runs."""

    command: list[str] = []
    """What the container runs; by default what the image says."""
    gpus: int | None = None
    """Whole GPUs; by default all of the machine."""
    vcpus: int | None = None
    """Virtual CPUs; by default the part of the machine that belongs to the job's GPUs."""

    @property
    def size(self) -> JobSize:
        """What queues are held against; of settings without problems."""
        needs = needs_of(self.instance_type, self.gpus, self.vcpus, self.memory_mib)
        return JobSize(needs=known(needs), nodes=1, instance_type=None)

    def problems(self, name: str, region: str) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        rest = self.arguments(name)
        for problem in gpu_job_problems(command=self.command, gpus=self.gpus, vcpus=self.vcpus, **rest):
            yield of_key(problem, "job_definition_name")
        yield from self.own_problems(region)


class MultiNodeGpuJobDefinitionModel(JobDefinitionModel):
    """What a job of several GPU machines runs: torchrun on each."""

    model_config = ConfigDict(json_schema_extra={"required": ["image", "nodes", "script"]})

    script: list[str] = []
    """What torchrun runs on every GPU, and its arguments."""
    nodes: int = 0
    """How many machines, 2 to 1000, unless the job says otherwise."""
    efa: bool = True
    """Gives the container the machine's EFA interfaces."""

    @property
    def size(self) -> JobSize:
        """What queues are held against; of settings without problems."""
        needs = needs_of(self.instance_type, None, None, self.memory_mib, efa=self.efa)
        return JobSize(needs=known(needs), nodes=self.nodes, instance_type=self.instance_type)

    def problems(self, name: str, region: str) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        rest = self.arguments(name)
        for problem in multi_node_job_problems(script=self.script, nodes=self.nodes, efa=self.efa, **rest):
            yield of_key(problem, "job_definition_name")
        yield from self.own_problems(region)


JobDefinitionField = Annotated[
    Annotated[MultiNodeGpuJobDefinitionModel, Tag("<multi-node>")]
    | Annotated[GpuJobDefinitionModel, Tag("<one-node>")],
    branch("<multi-node>", "nodes", "script", otherwise="<one-node>"),
]
