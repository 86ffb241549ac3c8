"""Environment-file model of `fan_outs`."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Tag

from fairlane._internal.checks import is_region, listing
from fairlane.environment.base import Model, entry_problem
from fairlane.environment.text_file import TextFile
from fairlane.errors import Problem
from fairlane.fan_out.fan_out_rules import PLACEMENT_STEPS, FanOutSpec

QueuesField = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[list[str], Tag("<names>")],
    Discriminator(lambda value: "<names>" if isinstance(value, list) else "<name>"),
]
_FILES = ("template", "query")


class FanOutModel(Model, title="fan-out"):
    """Training in many Regions from one manifest. The home Region has the fan-out, other Regions send events home."""

    model_config = ConfigDict(json_schema_extra={"required": ["queues", "template"]})

    queues: dict[str, QueuesField] = {}
    """Name of a queue of the file, or a list of names, by Region, at most 40 Regions. The first queue of a Region is
    for lines without a queue. Required."""
    template: TextFile | None = None
    """Path of a JSON file, relative to the folder of the environment file: a CreateTrainingJob request with
    placeholders, or a SubmitJob request for queues of containers. Required."""
    execution_roles: list[str] = []
    """Execution roles of the home Region that training jobs can use, in all Regions of the fan-out. The first is
    `${role}` in templates. Default: none, for containers."""
    job_definitions: list[str] = []
    """Job definitions of the Regions that jobs in queues of containers can use. Default: none."""
    query: TextFile | None = None
    """Path of an SQL file, relative to the folder of the environment file: one SELECT of Athena, whose rows are the
    lines of a manifest. Default: manifests are files."""
    query_databases: list[str] = []
    """Names of the Glue databases that the query reads. Default: none."""
    query_data: list[str] = []
    """S3 URIs of the prefixes with the data of these databases. Each ends with /. Default: none."""
    query_table_buckets: list[str] = []
    """Names of the S3 table buckets of the home Region that the query reads, with the access control of IAM.
    Default: none."""
    query_catalogs: list[str] = []
    """Names of the catalogs of AWS Glue that the query reads, under AWS Lake Formation. Default: none."""
    query_connectors: dict[str, str] = {}
    """Name or ARN of the Lambda function of each federated source that the query reads, by the name of its data
    catalog of Athena. Default: none."""
    query_spill: list[str] = []
    """S3 URIs of the prefixes to which these functions write rows. Each ends with /. Default: none."""
    schedule: str | None = None
    """Schedule expression at which the query runs, in UTC, for example rate(1 day). Default: on demand."""
    placement: list[str] = list(PLACEMENT_STEPS)
    """Steps that rank the candidates of a line, in their order. Default: reserved, idle, spot-score, price."""
    residency: dict[str, list[str]] = {}
    """Regions in which the data below a prefix may be used, by the S3 URI of the prefix. Default: all Regions of the
    fan-out."""
    copy_from: list[str] = []
    """S3 URIs of the prefixes that data may be copied from. Each ends with /. Default: no copies."""
    copy_to: list[str] = []
    """S3 URIs of the prefixes that data may be copied to. Each ends with /. Default: no copies."""
    store: str | None = None
    """Sweep store of the home Region for the lines of array jobs. The job definitions of the fan-out can use it in all
    Regions. Required with queues of containers. Default: none."""
    encryption_key: str | None = None
    """ARN of the KMS key of the bucket and the ledger, in the home Region. Its policy must allow the functions to use
    it. Default: keys of AWS."""
    tags: dict[str, str] = {}
    """Tags of the resources of the fan-out, at most 50. Default: none."""

    def problems(self, name: str, region: str) -> Iterator[Problem]:
        """Yield the problems of the fan-out by itself.

        Args:
            name: Name of the fan-out, its key in the file.
            region: Home Region.
        """
        if self.template is None:
            yield Problem(("template",), None, "the path of a JSON file with a CreateTrainingJob or SubmitJob request")
        for key in _FILES:
            if (file := getattr(self, key)) is not None and file.mistake:
                yield Problem.relation((key,), file.mistake)
        for problem in self._spec.value_problems(name, region if is_region(region) else None):
            if problem.field != ("query",) or (self.query and not self.query.mistake):
                yield entry_problem(problem, "fan_out_name")

    def relation_problems(self) -> Iterator[tuple[Problem, Sequence[str]]]:
        """Yield the problems of keys that do not fit each other, and these keys."""
        has_template = self.template is not None and not self.template.mistake
        for problem, keys in self._spec.relation_problems():
            if problem.field[0] != "residency" and (problem.field[0] != "template" or has_template):
                yield problem, keys
        for prefix, regions in self.residency.items():
            for index, region in enumerate(regions):
                if self.queues and is_region(region) and region not in self.queues:
                    allowed = f"a Region of queues: {listing(self.queues)}"
                    yield Problem(("residency", prefix, index), region, allowed), ("residency", "queues")

    @property
    def _spec(self) -> FanOutSpec:
        return FanOutSpec(**{"template": "", **self.settings, "execution_roles": self.execution_roles})

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `TrainingFanOut`, without its name, its roles and its store."""
        settings = {key: getattr(self, key) for key in type(self).model_fields}
        for key in ("execution_roles", "store"):
            del settings[key]
        return settings | {key: file.text for key in _FILES if (file := settings[key]) is not None}
