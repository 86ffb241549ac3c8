"""Rules, names and configuration of fan-outs. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from fairlane._internal import athena_names
from fairlane._internal.checks import (
    alternatives,
    check_list,
    check_name,
    check_region,
    check_repeats,
    check_tags,
)
from fairlane._internal.key_rules import check_regional_key
from fairlane._internal.schedule_expressions import check_schedule
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.fan_out.query_rules import query_problems, source_problems
from fairlane.fan_out.template_rules import template_problems
from fairlane.jobs.permission_rules import check_s3_prefix
from fairlane_lambda.fan_out.names import FAN_OUT
from fairlane_lambda.fan_out.steps import Step

QueueNames: TypeAlias = str | Sequence[str]

PLACEMENT_STEPS: Final = tuple(map(str, Step))
"""Steps that rank the candidates of a line, in their default order."""
MAX_REGIONS: Final = 40
"""Most Regions of a fan-out: iterations of an inline Map that run at once."""

_IN_CONFIGURATION: Final = (
    "queues",
    "execution_roles",
    "template",
    "query",
    "placement",
    "residency",
    "job_definitions",
    "copy_from",
    "copy_to",
)
_SOURCES: Final = ("query_databases", "query_table_buckets", "query_catalogs")
_NEED_QUERY: Final = ("schedule", *_SOURCES, "query_data", "query_connectors", "query_spill")


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutSpec:
    """Settings of a fan-out, as the arguments of `TrainingFanOut`.

    Args:
        queues: Name of the queue, or names, by Region. The first queue of a Region is its default.
        execution_roles: Keys of the execution roles. The first role is `${role}`.
        template: Text of the request template.
        query: Text of the query. None if manifests are files only.
        placement: Steps that rank the candidates of a line.
        residency: Regions in which the data below a prefix may be, by the S3 URI of the prefix.
        job_definitions: Names of the job definitions that jobs in queues of containers use.
        query_databases: Names of the Glue databases that the query reads.
        query_data: S3 URIs of the prefixes that the query reads.
        query_table_buckets: Names of the S3 table buckets that the query reads.
        query_catalogs: Names of the catalogs of AWS Glue, under AWS Lake Formation, that the query reads.
        query_connectors: Names or ARNs of the Lambda functions of federated sources, by the data catalog of Athena.
        query_spill: S3 URIs of the prefixes to which these functions write rows.
        copy_from: S3 URIs of the prefixes that data may be copied from.
        copy_to: S3 URIs of the prefixes that data may be copied to.
        schedule: Schedule expression of the query. None if the query runs on demand.
        encryption_key: ARN of the KMS key of the bucket and of the ledger. None for keys of AWS.
        tags: Tags of the resources.
    """

    queues: Mapping[str, QueueNames]
    execution_roles: Sequence[str]
    template: str
    query: str | None = None
    placement: Sequence[str] = PLACEMENT_STEPS
    residency: Mapping[str, Sequence[str]] = field(default_factory=dict)
    job_definitions: Sequence[str] = ()
    query_databases: Sequence[str] = ()
    query_data: Sequence[str] = ()
    query_table_buckets: Sequence[str] = ()
    query_catalogs: Sequence[str] = ()
    query_connectors: Mapping[str, str] = field(default_factory=dict)
    query_spill: Sequence[str] = ()
    copy_from: Sequence[str] = ()
    copy_to: Sequence[str] = ()
    schedule: str | None = None
    encryption_key: str | None = None
    tags: Mapping[str, str] | None = None

    def problems(self, fan_out_name: object, region: str | None) -> Iterator[Problem]:
        """Yield the problems of the settings.

        Args:
            fan_out_name: Name of the fan-out.
            region: Home Region. None if it is unknown.
        """
        yield from self.value_problems(fan_out_name, region)
        yield from (problem for problem, _ in self.relation_problems())

    def value_problems(self, fan_out_name: object, region: str | None) -> Iterator[Problem]:
        """Yield the problems of each setting by itself, as `problems`."""
        yield from name_problems(fan_out_name)
        yield from self._queue_problems()
        yield from _names(("execution_roles",), self.execution_roles)
        yield from _names(("job_definitions",), self.job_definitions)
        yield from self._query_problems(region)
        yield from self._placement_problems()
        yield from self._residency_problems()
        for key in ("query_data", "query_spill", "copy_from", "copy_to"):
            yield from _prefixes((key,), getattr(self, key))
        if self.encryption_key is not None:
            yield from check_regional_key(
                ("encryption_key",), self.encryption_key, region, None, place="the bucket and the ledger are"
            )
        yield from check_tags(self.tags)
        # An asset has the configuration, and the CDK resolves no tokens in assets.
        for key in _IN_CONFIGURATION:
            for path in _token_paths((key,), getattr(self, key)):
                yield Problem.relation(path, "the text is known at deployment only: use a text that is known at synth")

    def relation_problems(self) -> Iterator[tuple[Problem, Sequence[str]]]:
        """Yield the problems of settings that do not fit each other, and the names of these settings."""
        template = ("template", "execution_roles", "job_definitions")
        if not is_token(self.template):
            for problem in template_problems(self.template, self.execution_roles, self.job_definitions):
                yield problem, template
        for key in _NEED_QUERY:
            if getattr(self, key) and self.query is None:
                sentence = f"{key} requires query: add query or remove {key}"
                yield Problem.relation((key,), sentence), (key, "query")
        if self.query_spill and not self.query_connectors:
            sentence = "query_spill requires query_connectors: add query_connectors or remove query_spill"
            yield Problem.relation(("query_spill",), sentence), ("query_spill", "query_connectors")
        for key, other in (("copy_from", "copy_to"), ("copy_to", "copy_from")):
            if getattr(self, key) and not getattr(self, other):
                sentence = f"copies need {other}, too: add {other} or remove {key}"
                yield Problem.relation((key,), sentence), (key, other)
        mappings = isinstance(self.queues, Mapping) and isinstance(self.residency, Mapping)
        for prefix, regions in self.residency.items() if mappings else ():
            is_list = not any(_region_list_problems((), regions))
            if is_list and self.queues and not set(regions) & set(self.queues):
                sentence = "no Region of the prefix has a queue, so that no line with its data could run: add a queue"
                yield Problem.relation(("residency", prefix), sentence), ("residency", "queues")

    def queue_names(self) -> dict[str, list[str]]:
        """Return the names of the queues by Region."""
        return {region: [names] if isinstance(names, str) else list(names) for region, names in self.queues.items()}

    def longest_setting(self) -> str:
        """Return the setting whose names take the most characters in policies."""
        names = ("queues", "job_definitions", *_SOURCES, "query_data", "query_connectors", "query_spill")
        return max((*names, "copy_from", "copy_to"), key=lambda key: len(str(getattr(self, key))))

    def config(self, fan_out_name: str, home: str) -> dict[str, Any]:
        """Return the configuration that the functions read."""
        return {
            "name": fan_out_name,
            "home": home,
            "template": self.template,
            "query": self.query,
            "regions": {region: {"queues": names} for region, names in self.queue_names().items()},
            "placement": list(self.placement),
            "residency": {prefix: list(regions) for prefix, regions in self.residency.items()},
            "job_definitions": list(self.job_definitions),
            "copy_from": list(self.copy_from),
            "copy_to": list(self.copy_to),
        }

    def _queue_problems(self) -> Iterator[Problem]:
        if not isinstance(self.queues, Mapping) or not self.queues:
            yield Problem(("queues",), self.queues or None, "the name of a queue, or names, for at least one Region")
            return
        if len(self.queues) > MAX_REGIONS:
            yield Problem(("queues",), f"{len(self.queues)} Regions", f"at most {MAX_REGIONS} Regions")
        for region, names in self.queues.items():
            field: Path = ("queues", region)
            yield from check_region(field, region)
            if isinstance(names, str):
                yield from check_name(field, names)
            elif not isinstance(names, Sequence) or not names:
                yield Problem(field, names or None, "the name of a queue, or a list of names")
            else:
                yield from _names(field, names)

    def _query_problems(self, region: str | None) -> Iterator[Problem]:
        if self.query is not None:
            yield from query_problems(self.query)
        yield from source_problems({key: getattr(self, key) for key in _SOURCES}, self.query_connectors, region)
        if self.schedule is not None:
            yield from check_schedule(("schedule",), self.schedule)

    def _placement_problems(self) -> Iterator[Problem]:
        problems = list(check_list(("placement",), self.placement, str, "steps"))
        yield from problems
        for index, step in enumerate(() if problems else self.placement):
            if step not in PLACEMENT_STEPS:
                yield Problem(("placement", index), step, alternatives(PLACEMENT_STEPS))
            elif step in self.placement[:index]:
                yield Problem.relation(("placement", index), f"{step} is listed twice: list each step once")

    def _residency_problems(self) -> Iterator[Problem]:
        if not isinstance(self.residency, Mapping):
            yield Problem(("residency",), self.residency, "a mapping of the S3 URIs of prefixes to lists of Regions")
            return
        for prefix, regions in self.residency.items():
            field: Path = ("residency", prefix)
            yield from check_s3_prefix(field, prefix)
            problems = list(_region_list_problems(field, regions))
            yield from problems
            if problems:
                continue
            for index, region in enumerate(regions):
                yield from check_region((*field, index), region)


def name_problems(fan_out_name: object) -> Iterator[Problem]:
    """Yield the problem of the name of a fan-out."""
    if not isinstance(fan_out_name, str) or FAN_OUT.fullmatch(fan_out_name) is None:
        yield Problem(("fan_out_name",), fan_out_name, "1 to 24 characters of a-z, 0-9 and -, a letter first")


def resource_name(fan_out_name: str) -> str:
    """Return the name of the event bus and of the state machine of a fan-out."""
    return f"fairlane-{fan_out_name}"


def workgroup_name(fan_out_name: str) -> str:
    """Return the name of the Athena workgroup of a fan-out. A sweep store can have the name of the fan-out."""
    return athena_names.workgroup_name(f"fan-out-{fan_out_name}")


def database_name(fan_out_name: str) -> str:
    """Return the name of the Glue database of a fan-out."""
    return athena_names.database_name(f"fan-out-{fan_out_name}")


def parameter_name(fan_out_name: str) -> str:
    """Return the name of the SSM parameter that tells where a fan-out is."""
    return f"/fairlane/fan-out/{fan_out_name}"


def role_path(fan_out_name: str) -> str:
    """Return the path of the roles that send events to the bus of a fan-out. Other roles cannot."""
    return f"/fairlane/fan-out/{fan_out_name}/"


def _region_list_problems(field: Path, regions: object) -> Iterator[Problem]:
    yield from check_list(field, regions or None, str, "one or more Regions")


def _token_paths(path: Path, value: object) -> Iterator[Path]:
    """Yield the paths of the tokens in a setting. A token can be a key, too."""
    if is_token(value):
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from [(*path, "<token>")] if is_token(key) else _token_paths((*path, key), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _token_paths((*path, index), item)


def _names(field: Path, names: object) -> Iterator[Problem]:
    problems = list(check_list(field, names, str, "names"))
    yield from problems
    if problems:
        return
    assert isinstance(names, Sequence)
    for index, name in enumerate(names):
        yield from check_name((*field, index), name)
    yield from check_repeats(field, names, "name")


def _prefixes(field: Path, uris: Sequence[str]) -> Iterator[Problem]:
    problems = list(check_list(field, uris, str, "S3 URIs of prefixes"))
    yield from problems
    for index, uri in enumerate(() if problems else uris):
        yield from check_s3_prefix((*field, index), uri)
    yield from check_repeats(field, () if problems else uris, "prefix")
