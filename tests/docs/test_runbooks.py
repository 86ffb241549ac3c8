"""Runbooks and the page of alarms, checked against the code and against AWS's API models."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]
import pytest
from aws_cdk import App, Environment, Stack
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from fairlane import (
    Fifo,
    GpuComputeEnvironment,
    GpuQueue,
    JobMetrics,
    Purchase,
    QuotaManagement,
    QuotaShare,
    Sharing,
    TrainingQueue,
    TrainingVpc,
)
from fairlane.hyperpod import HyperPodMonitoring
from fairlane.hyperpod.monitoring.prometheus import PrometheusSeries
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut, QueueAlarms, alarms
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits, FanOutLimits, HyperPodLimits
from tests.support import REPOSITORY

DOCS = REPOSITORY / "docs"
RUNBOOKS = DOCS / "runbooks"
INDEX = RUNBOOKS / "README.md"
WITHOUT_LIMITS = ["custom", "replication_failed", "schedule_failed", "job_archive_dead_letters"]
KINDS = [
    *(field.name for limits in (AlarmLimits, ExporterLimits, FanOutLimits, HyperPodLimits) for field in fields(limits)),
    *WITHOUT_LIMITS,
]
ALERTS = {
    kind for kind, _, limit in HyperPodLimits().limits() if list(limit.cluster_rules(PrometheusSeries(labels={})))
}
"""Kinds of alerts in Prometheus, which are no CloudWatch alarms."""
HEADINGS = ["Meaning", "First steps", "Causes and actions", "False alarms", "Return to OK"]

GLOBAL = {"output", "query", "region", "no-cli-pager"}
PAGED = {"max-items", "page-size", "starting-token"}
CLI_COMMANDS = {
    ("logs", "tail"): {"since", "follow", "format", "filter-pattern", "log-stream-names", "log-stream-name-prefix"}
}
"""Options of commands that are not in the API models (AWS CLI Command Reference)."""


def runbook(kind: str) -> Path:
    return RUNBOOKS / f"{kind.replace('_', '-')}.md"


def commands(page: Path) -> Iterator[str]:
    """Yield the AWS CLI commands in the code blocks and the sentences of a page."""
    text = page.read_text()
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            assert line.startswith("$ "), line
            yield line.removeprefix("$ ")
    yield from re.findall(r"`(aws [^`]+)`", text)


ALL = [
    pytest.param(command, id=f"{page.stem}-{n}")
    for page in [*RUNBOOKS.glob("*.md"), DOCS / "alarms.md"]
    for n, command in enumerate(commands(page))
]


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def members(shape: Shape | None, visited: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of all direct and nested members of a shape."""
    if shape is None or shape.name in visited:
        return set()
    visited |= {shape.name}
    inner = [getattr(shape, part) for part in ("member", "value") if hasattr(shape, part)]
    named = getattr(shape, "members", {})
    return set(named).union(*(members(part, visited) for part in [*inner, *named.values()]))


def query_fields(query: dict[str, Any]) -> Iterator[str]:
    if query["type"] == "field":
        yield query["value"]
    for child in query.get("children", ()):
        if isinstance(child, dict):
            yield from query_fields(child)


def parsed_value(shape: Shape, words: list[str]) -> Any:
    """Return the value of the words after an option: JSON, the CLI's shorthand, or plain values."""
    if shape.type_name == "list":
        return [parsed_value(shape.member, [word]) for word in words]
    (word,) = words
    if shape.type_name == "map":
        return json.loads(word)
    if shape.type_name == "structure":
        if word.startswith("{"):
            return json.loads(word)
        pairs = dict(pair.split("=", 1) for pair in word.split(","))
        assert pairs.keys() <= shape.members.keys(), pairs
        return {name: parsed_value(shape.members[name], [value]) for name, value in pairs.items()}
    if getattr(shape, "enum", None):
        assert word in shape.enum, f"{word}: {shape.enum}"
    return int(word) if shape.type_name in {"integer", "long"} else word


def parsed_options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            assert word not in options
            options[word.removeprefix("--")] = values = []
        else:
            values.append(word)
    return options


def check(command: str) -> None:
    """Fail if the AWS CLI does not accept a command, or the API refuses the form of its parameters."""
    program, service, name, *words = shlex.split(command)
    assert program == "aws"
    if cli_options := CLI_COMMANDS.get((service, name)):
        (_, *rest) = words
        assert parsed_options(rest).keys() <= cli_options | GLOBAL
        return
    model = service_model(service)
    operations = {botocore.xform_name(operation, "-"): operation for operation in model.operation_names}
    operation = model.operation_model(operations[name])
    options = parsed_options(words)
    if PAGED & options.keys():
        botocore.session.get_session().get_paginator_model(service).get_paginator(operation.name)
    for query in options.get("query", ()):
        assert set(query_fields(jmespath.compile(query).parsed)) <= members(operation.output_shape), query
    inputs = operation.input_shape.members if operation.input_shape else {}
    by_option = {botocore.xform_name(member, "-"): member for member in inputs}
    given = options.keys() - GLOBAL - PAGED
    assert given <= by_option.keys()
    values = {by_option[option]: parsed_value(inputs[by_option[option]], options[option]) for option in given}
    report = ParamValidator().validate(values, operation.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_alarm_has_a_complete_runbook(kind: str) -> None:
    text = runbook(kind).read_text()
    assert text.startswith(f"# Alarm {kind.replace('_', '-')}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert 25 <= len(text.splitlines()) <= 60
    assert list(commands(runbook(kind)))


def test_the_index_lists_exactly_the_runbooks() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\) \|$", INDEX.read_text(), re.MULTILINE))
    assert linked == {runbook(kind).name for kind in KINDS} == {page.name for page in RUNBOOKS.iterdir()} - {INDEX.name}


@pytest.mark.parametrize("command", ALL)
def test_the_aws_cli_accepts_each_command(command: str) -> None:
    check(command)


@pytest.mark.parametrize(
    "command",
    [
        "aws batch list-tasks --job-queue QUEUE",
        "aws batch list-jobs --queue QUEUE",
        "aws batch list-jobs --job-queue QUEUE --job-status WAITING",
        "aws batch list-jobs --job-queue QUEUE --filters key=SHARE_IDENTIFIER,values=SHARE",
        "aws batch list-jobs --job-queue QUEUE --query 'jobs[].jobId'",
        "aws batch describe-service-job",
        "aws batch describe-service-job --job-id JOB_ID --max-items 1",
        'aws cloudwatch put-alarm-mute-rule --name x --rule \'{"Expression": "at(2027-01-20T18:00)"}\'',
        "aws logs tail GROUP --from 1h",
    ],
)
def test_a_command_that_the_aws_cli_refuses_is_found(command: str) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check(command)


def limit_examples(page: Path) -> list[str]:
    return re.findall(r"`((?:AlarmLimits|ExporterLimits|FanOutLimits|HyperPodLimits)\(\w.*?\))`", page.read_text())


@pytest.mark.parametrize(
    "page", [*map(runbook, KINDS[: -len(WITHOUT_LIMITS)]), DOCS / "alarms.md"], ids=lambda page: page.stem
)
def test_limits_on_pages_are_valid(page: Path) -> None:
    assert limit_examples(page)
    for code in limit_examples(page):
        limits = eval(code, {name: getattr(alarms, name) for name in dir(alarms)})
        assert list(limits.problems(1)) == []
        if page.parent == RUNBOOKS:
            kind = page.stem.replace("-", "_")
            assert (
                replace(limits, **{kind: getattr(type(limits)(), kind)}) == type(limits)()
            )  # changes only its own kind
            assert limits != type(limits)()
            assert f"`{kind}` in `alarms`" in re.sub(r"\s+", " ", page.read_text())


def section(page: Path, heading: str) -> str:
    return page.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_pages_show_the_default_limits() -> None:
    table = section(DOCS / "alarms.md", "The alarms")
    all_limits = (AlarmLimits(), ExporterLimits(), FanOutLimits(), HyperPodLimits())
    for kind, _, limit in (entry for limits in all_limits for entry in limits.limits()):
        (row, *_) = re.findall(rf"^\| `{kind}`.*$", table, re.MULTILINE)
        for text in (row, section(runbook(kind), "Meaning")):
            for field in fields(limit):
                value = getattr(limit, field.name)
                assert value is None or re.search(rf"\b{value}\b", text), f"{kind}: {value}"


@cache
def queue_alarms() -> QueueAlarms:
    """Return alarms of all kinds except custom."""
    stack = Stack(App(), "Monitoring", env=Environment(account="111122223333", region="us-east-1"))
    capacity = {"ml.p5.48xlarge": 4}
    policy = QuotaManagement(QuotaShare(name="mine", capacity=capacity, sharing=Sharing.RESERVE))
    quotas = TrainingQueue(stack, "Quotas", queue_name="quotas", capacity=capacity, scheduling=policy)
    vpc = TrainingVpc(stack, "Network")
    environment = GpuComputeEnvironment(
        stack, "Spot", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=8, purchase=Purchase.SPOT
    )
    spot = GpuQueue(stack, "Queue", queue_name="spot", compute_environments=[environment], scheduling=Fifo())
    return QueueAlarms(stack, "Alarms", metrics=JobMetrics(stack, "JobMetrics", queues=[quotas, spot]))


@cache
def fan_out_alarms() -> FanOutAlarms:
    stack = Stack(App(), "Monitoring", env=Environment(account="111122223333", region="us-east-1"))
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=["us-east-1", "us-west-2"])
    return FanOutAlarms(stack, "Alarms", fan_out=fan_out)


@cache
def cluster_alarms() -> HyperPodMonitoring:
    stack = Stack(App(), "Monitoring", env=Environment(account="111122223333", region="us-east-1"))
    workspace = "arn:aws:aps:us-east-1:111122223333:workspace/ws-12345678-1234-1234-1234-123456789012"
    groups = ["workers"]
    return HyperPodMonitoring(
        stack, "HyperPod", cluster_name="research", instance_groups=groups, prometheus_workspace=workspace
    )


def test_the_table_of_alerts_has_the_severities() -> None:
    rows = re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\|[^|]*\| (\w+) \|$", (DOCS / "alarms.md").read_text(), re.MULTILINE)
    assert rows == [(kind, severity) for kind, severity, _ in HyperPodLimits().limits() if kind in ALERTS]


def test_the_table_of_alarms_has_the_severities_and_the_treatment_of_missing_data() -> None:
    row = r"^\| `(\w+)`(?: \((events|unpublished)\))?[^|]*\|[^|]*\|[^|]*\| ([\w, ]+) \| `(\w+)` \|$"
    documented = {
        f"{kind.replace('_', '-')}{part and f'-{part}'}": {(severity, missing) for severity in severities.split(", ")}
        for kind, part, severities, missing in re.findall(row, (DOCS / "alarms.md").read_text(), re.MULTILINE)
    }
    kinds = {name.removesuffix("-events").removesuffix("-unpublished").replace("-", "_") for name in documented}
    assert kinds == set(KINDS) - {*WITHOUT_LIMITS, *ALERTS}
    actual: dict[str, set[tuple[str, str | None]]] = {name: set() for name in documented}
    for path, alarm in (queue_alarms().alarms | fan_out_alarms().alarms | cluster_alarms().alarms).items():
        name, _, severity = path.rpartition("/")[2].rpartition("-")
        kind = max((prefix for prefix in documented if name.startswith(prefix)), key=len)
        actual[kind].add((severity, alarm.treat_missing_data))
    assert actual == documented


def test_pages_show_the_limit_on_waiting_events() -> None:
    seconds = queue_alarms().alarms["Exporter/stale-events-Critical"].threshold
    assert seconds is not None
    (row,) = re.findall(r"^\| `stale` \(events\) .*$", (DOCS / "alarms.md").read_text(), re.MULTILINE)
    for text in (row, section(runbook("stale"), "Meaning")):
        assert f" {seconds / 60:g} minutes" in text


def test_alarms_link_to_existing_runbooks() -> None:
    alarms, fan_out, cluster = queue_alarms(), fan_out_alarms(), cluster_alarms()
    all_alarms = alarms.alarms | fan_out.alarms | cluster.alarms
    descriptions = [alarm.alarm_description for alarm in all_alarms.values()]
    composites = [*alarms.composites.values(), *alarms.exporter_composites.values(), *fan_out.composites.values()]
    composites += cluster.composites.values()
    assert cluster.rule_groups is not None
    pages = re.findall(r"runbook: (\S+)", cluster.rule_groups.data)
    assert len(pages) == len(ALERTS)
    assert all((REPOSITORY / page).is_file() for page in pages)
    for description in [*descriptions, *(alarm.alarm_description for alarm in composites)]:
        match = re.search(r"Runbooks?: (\S+)$", description or "")
        assert match is not None
        assert (REPOSITORY / match[1]).is_file()
