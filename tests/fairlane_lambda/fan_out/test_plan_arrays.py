"""Lines for containers: array jobs in the format of sweep stores."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_client.sweeps.manifest import from_lines
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.plan import handler, past, planning
from fairlane_lambda.fan_out.table import Table
from fairlane_run.objects import Objects
from fairlane_run.point import read_point
from fairlane_run.settings import SETTINGS, read_settings
from tests.fairlane_lambda.fan_out.plan_account import (
    BUCKET,
    CONTAINERS,
    HOME,
    STORE,
    Account,
    Last,
    error,
    line,
    manifest,
)

WEST = "eu-west-1"


@pytest.fixture
def containers(account: Account) -> Iterator[Account]:
    """Account with queues for containers in two Regions, and array jobs of at most three lines."""
    for region in (HOME, WEST):
        batch = account.batch[region]
        batch.containers = {"training"}
        needs = [{"type": "VCPU", "value": "8"}, {"type": "GPU", "value": "2"}]
        batch.definitions = [
            {"revision": revision, "status": status, "containerProperties": {"resourceRequirements": needs}}
            for revision, status in ((1, "ACTIVE"), (2, "ACTIVE"), (10, "ACTIVE"), (11, "INACTIVE"))
        ]
    account.config["template"] = json.dumps(CONTAINERS)
    with patch.object(planning, "CHUNK", 3):
        yield account


def run(identifier: str, **fields: Any) -> dict[str, Any]:
    return line(identifier, **({"instance_count": None} | fields))


def digests(account: Account, state: dict[str, Any]) -> set[str]:
    return {job["digest"] for entry in state["regions"] for job in account.part(state, entry["region"])}


def children(account: Account, state: dict[str, Any], region: str = HOME) -> list[list[str]]:
    return [job["children"] for job in account.part(state, region)]


def test_array_jobs_of_lines_that_share_queue_definition_share_and_priority(containers: Account) -> None:
    lines = [run(f"{number}", parameters={"lr": number}) for number in range(4)]
    lines += [run("w", region=WEST), run("p", priority=5)]

    state = containers.plan(manifest(*lines))

    jobs = {tuple(job["children"]): job for region in (HOME, WEST) for job in containers.part(state, region)}
    assert [*jobs] == [("0", "1", "2"), ("3",), ("p",), ("w",)]
    first, single = jobs["0", "1", "2"], jobs[("3",)]
    assert first["request"]["arrayProperties"] == {"size": 3}
    assert "arrayProperties" not in single["request"]
    assert (first["kind"], first["id"], first["gpus"]) == ("array", "3 lines from 0", 2)
    assert first["request"]["jobDefinition"] == "simulate"
    assert first["request"]["jobQueue"] == "training"
    assert jobs[("p",)]["request"]["schedulingPriorityOverride"] == 5
    assert {entry["region"]: entry["lines"] for entry in state["regions"]} == {HOME: 5, WEST: 1}


def test_child_reads_its_line_as_a_run_of_a_sweep(containers: Account) -> None:
    lines = [run(f"{number}", parameters={"lr": 10.0**-number, "tags": ["\u20ac"]}) for number in range(3)]

    [job] = containers.part(containers.plan(manifest(*lines)), HOME)

    [variable] = job["request"]["containerOverrides"]["environment"]
    for number in range(3):
        environment = {SETTINGS: variable["value"], "AWS_BATCH_JOB_ARRAY_INDEX": str(number)}
        settings = read_settings(environment)
        assert (settings.bucket, settings.metric, settings.direction) == (STORE, "score", "maximize")
        own = {"id": str(number), "region": HOME, "data": f"s3://{BUCKET}/{number}"}
        expected = number, own | {"lr": 10.0**-number, "tags": ["\u20ac"]}
        assert read_point(settings, Objects(STORE, containers.s3)) == expected
    assert settings.manifest
    content = containers.read(settings.manifest["key"], STORE)
    assert [point.index for point in from_lines(0, "", "", content).points] == [0, 1, 2]


def test_environment_of_the_template_is_kept(containers: Account) -> None:
    overrides = {"environment": [{"name": "MODE", "value": "${region}"}], "command": ["train"]}
    containers.config["template"] = json.dumps(CONTAINERS | {"containerOverrides": overrides})

    [job] = containers.part(containers.plan(manifest(run("a"))), HOME)

    [mode, settings] = job["request"]["containerOverrides"]["environment"]
    assert mode == {"name": "MODE", "value": HOME}
    assert settings["name"] == SETTINGS
    assert job["request"]["containerOverrides"]["command"] == ["train"]


def test_lines_of_submitted_array_jobs_are_unchanged(containers: Account) -> None:
    lines = [run(f"{number}") for number in range(3)]
    containers.settle(containers.plan(manifest(*lines)))

    state = containers.plan(manifest(*lines[:2], run("3")))

    answer = containers.answer(state)
    assert [job["children"] for job in containers.part(state, HOME)] == [["3"]]
    assert (answer["new"], answer["unchanged"], answer["removed"]) == (1, 2, 1)


def test_claimed_array_job_stays_together(containers: Account) -> None:
    lines = [run(f"{number}") for number in range(3)]
    first = containers.plan(manifest(*lines))
    containers.settle(first, "SUBMITTING")

    second = containers.plan(manifest(*lines[:2], run("3")))

    [job] = containers.part(first, HOME)
    assert containers.part(second, HOME)[0] == job
    assert children(containers, second) == [["0", "1", "2"], ["3"]]
    answer = containers.answer(second)
    assert (answer["new"], answer["changed"], answer["removed"]) == (3, 0, 1)


def test_planned_array_job_of_the_same_lines_stays_together(containers: Account) -> None:
    lines = [run(f"{number}") for number in range(4)]
    first = containers.plan(manifest(*lines[:3]))

    second = containers.plan(manifest(*lines))

    [job] = containers.part(first, HOME)
    assert containers.part(second, HOME)[0] == job
    assert children(containers, second) == [["0", "1", "2"], ["3"]]


def test_planned_array_job_without_a_removed_line_is_grouped_anew(containers: Account) -> None:
    """Lines that return get a job of another digest: no function submits the withdrawn one."""
    lines = [run(f"{number}") for number in range(3)]
    versions = [lines, [*lines[:2], run("2", parameters={"lr": 1})], lines]
    states = [containers.plan(manifest(*version)) for version in versions]

    assert [children(containers, state) for state in states] == 3 * [[["0", "1", "2"]]]
    jobs = [containers.part(state, HOME)[0]["digest"] for state in states]
    assert len({*jobs}) == 3
    _, items = containers.ledger.read("drives", jobs)
    assert {digest: item["state"] for digest, item in items.items()} == dict.fromkeys(jobs[:2], "WITHDRAWN")
    assert [*containers.ledger.lines("drives")] == []
    assert [containers.answer(state)["removed"] for state in states] == [0, 0, 0]


def test_plan_with_a_withdrawn_array_job_is_decided_again(containers: Account) -> None:
    event = containers.put(manifest(run("0"), run("1")))
    first = containers.run(**event)
    [digest] = digests(containers, first)
    guard = containers.table.check(("drives", "newest"), "#version = :version", {"version": event["version"]})
    assert containers.ledger.withdraw_array("drives", digest, 1, guard)

    again = containers.run(**event)

    assert children(containers, again) == [["0", "1"]]
    assert not digests(containers, again) & {digest}
    assert digests(containers, containers.run(**event)) == digests(containers, again)


def test_array_job_that_is_claimed_meanwhile_stays_together(containers: Account) -> None:
    first = containers.plan(manifest(run("0"), run("1")))
    withdraw = Ledger.withdraw_array

    def claim(*arguments: Any) -> bool:
        containers.settle(first, "SUBMITTING")
        return withdraw(*arguments)

    with patch.object(Ledger, "withdraw_array", claim):
        state = containers.plan(manifest(run("1"), run("2")))
    assert (state["status"], state["seconds"]) == ("WAIT", 5)

    assert children(containers, containers.run(**state)) == [["0", "1"], ["2"]]


def test_residency_withdraws_a_planned_array_job(containers: Account) -> None:
    candidates = [{"region": HOME}, {"region": WEST}]
    lines = [run("0", data="s3://drives/a"), run("1", region=None, candidates=candidates, data="s3://drives-eu/b")]
    event = containers.put(manifest(*lines))
    first = containers.run(**event)
    assert children(containers, first) == [["0", "1"]]
    containers.config["residency"] = {"s3://drives-eu/": [WEST]}

    second = containers.run(**event)

    assert [children(containers, second, region) for region in (HOME, WEST)] == [[["0"]], [["1"]]]
    [digest] = digests(containers, first)
    _, items = containers.ledger.read("drives", [digest])
    assert items[digest]["state"] == "WITHDRAWN"


def test_residency_refuses_a_claimed_array_job(containers: Account) -> None:
    lines = [run("0", region=None, candidates=[{"region": HOME}, {"region": WEST}], data="s3://drives-eu/b")]
    containers.settle(containers.plan(manifest(*lines)), "SUBMITTING")
    containers.config["residency"] = {"s3://drives-eu/": [WEST]}

    [problem] = containers.problems(manifest(*lines))

    assert problem == f"line 1: no candidate left: {HOME}: residency forbids the data there"


@pytest.mark.parametrize("is_claimed", [False, True])
def test_data_of_a_planned_array_job_is_copied(containers: Account, is_claimed: bool) -> None:
    candidates = [{"region": HOME, "data": f"s3://{BUCKET}/a", "copy_to": "s3://near/"}]
    lines = [run("0", region=None, data=None, candidates=candidates), run("1"), run("2")]
    with patch.object(handler, "start", return_value="waiting") as start:
        first = containers.plan(manifest(*lines))
        assert first["status"] == "WAIT"
    if is_claimed:
        with patch.object(handler, "start", return_value=""):
            containers.settle(containers.run(**first), "SUBMITTING")

    with patch.object(handler, "start", return_value="waiting") as start:
        second = containers.plan(manifest(*lines, run("3")))

    assert second["status"] == "WAIT"
    [copy] = start.call_args.args[0]
    assert copy.source == f"s3://{BUCKET}/a"


def test_array_job_whose_lines_expired_is_left_out(containers: Account) -> None:
    first = containers.plan(manifest(run("0"), run("1")))
    [digest] = digests(containers, first)
    containers.s3.delete_object(Bucket=BUCKET, Key=f"plans/drives/arrays/{digest}.jsonl")

    assert children(containers, containers.plan(manifest(run("2")))) == [["2"]]


def test_plan_that_another_one_of_its_version_overtakes_takes_its_array_jobs(containers: Account) -> None:
    """The other one finds a part of the lines in an array job that is never submitted, and groups all of them anew."""
    candidates = [{"region": region} for region in (HOME, WEST)]
    event = containers.put(manifest(*(run(f"{number}", region=None, candidates=candidates) for number in range(3))))
    transact, others = Table.transact, list[dict[str, Any]]()

    def overtake(ledger: Table, *writes: Any) -> dict[int, dict[str, Any]]:
        if "Put" in writes[-1] and writes[-1]["Put"]["Item"].get("child") == {"N": "1"} and not others:
            others.append({})
            containers.placer = Last
            others[0] = containers.run(**event)
        return transact(ledger, *writes)

    with patch.object(past, "TRANSACTION", 2), patch.object(Table, "transact", overtake):
        state = containers.run(**event)
        assert (state["status"], state["seconds"]) == ("WAIT", 5)
        again = containers.run(**state)

    [other] = others
    assert again == other
    assert [children(containers, other, region) for region in (HOME, WEST)] == [[["0"]], [["1", "2"]]]


def test_retry_of_failed_children(containers: Account) -> None:
    event = containers.put(manifest(*(run(f"{number}") for number in range(3))))
    first = containers.run(**event)
    containers.settle(first, "FAILED")
    [job] = containers.part(first, HOME)
    for child, state in ((0, "SUCCEEDED"), (1, "FAILED")):
        key = {"pk": "drives", "sk": f"line#{job['digest']}#{child}"}
        containers.table.put(key | {"id": str(child), "state": state})

    retry = containers.run(**event, operation="retry")

    [again] = containers.part(retry, HOME)
    assert again["children"] == ["1"]
    assert again["digest"] != job["digest"]
    containers.settle(retry, "RUNNING")
    assert containers.run(**event, operation="retry")["regions"] == []


def test_retry_of_a_line_that_is_alone_in_its_job(containers: Account) -> None:
    """A job of one line has no children, so no child has the news of its failure."""
    event = containers.put(manifest(run("0")))
    first = containers.run(**event)
    containers.settle(first, "FAILED")

    [again] = containers.part(containers.run(**event, operation="retry"), HOME)

    assert again["children"] == ["0"]
    assert {again["digest"]} != digests(containers, first)


def test_retry_of_a_refused_array_job(containers: Account) -> None:
    event = containers.put(manifest(run("0"), run("1")))
    containers.settle(containers.run(**event), "REFUSED")

    [again] = containers.part(containers.run(**event, operation="retry"), HOME)

    assert again["children"] == ["0", "1"]


@pytest.mark.parametrize("operation", ["check", "start"])
def test_check_and_a_refused_plan_write_no_array_jobs(containers: Account, operation: str) -> None:
    bad = [] if operation == "check" else [run("b", priority="x")]

    state = containers.plan(manifest(run("a"), *bad), operation=operation)

    assert state["status"] == ("CHECKED" if operation == "check" else "REFUSED")
    assert "Contents" not in containers.s3.list_objects_v2(Bucket=STORE)
    assert containers.keys("plans/") == [state["plan"]]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"parameters": {"data": "x"}}, "line 1: parameters.data: the fan-out sets it"),
        (
            {"parameters": {"x": "y" * 5000}},
            "line 1: parameters: got '5,098 bytes in JSON', allowed: at most 4,096 bytes",
        ),
        ({"instance_count": 2}, "line 1: instance_count: not used: the template has no ${instance_count}"),
    ],
)
def test_line_for_containers_is_refused(containers: Account, fields: dict[str, Any], problem: str) -> None:
    assert containers.problems(manifest(run("a", **fields))) == [problem]


def test_fan_out_without_a_store_has_no_array_jobs(containers: Account) -> None:
    containers.environment["STORE"] = ""

    [problem] = containers.problems(manifest(run("a")))

    assert problem == "line 1: queue: training has containers: the fan-out needs store"


def test_queue_for_training_jobs_is_refused_for_containers(containers: Account) -> None:
    containers.batch[HOME].containers = set()

    assert containers.problems(manifest(run("a"))) == ["line 1: queue: training is a queue for training jobs"]


def test_job_definition_must_be_active_in_the_region(containers: Account) -> None:
    containers.batch[WEST].definitions = containers.batch[WEST].definitions[3:]

    assert containers.problems(manifest(run("a"), run("b", region=WEST))) == [
        "line 2: jobDefinition: got 'simulate', allowed: an active job definition of eu-west-1"
    ]


@pytest.mark.parametrize(
    ("definition", "problems"),
    [
        ("simulate:2", []),
        ("arn:aws:batch:us-east-1:111122223333:job-definition/simulate", []),
        ("other", ["line 1: jobDefinition: got 'other', allowed: an entry of job_definitions: simulate"]),
        (
            "arn:aws:batch:us-east-1:111122223333:job-definition/simulate-2:1",
            [
                "line 1: jobDefinition: got 'arn:aws:batch:us-east-1:111122223333:job-definition/simulate-2:1', "
                "allowed: an entry of job_definitions: simulate"
            ],
        ),
    ],
)
def test_job_definition_must_be_one_of_the_fan_out(containers: Account, definition: str, problems: list[str]) -> None:
    containers.config["template"] = json.dumps(CONTAINERS | {"jobDefinition": definition})

    state = containers.plan(manifest(run("a")), operation="check")

    assert containers.answer(state)["problems"] == problems


def test_job_definition_that_aws_batch_takes_for_no_name_is_refused(containers: Account) -> None:
    def refuse(_: Any) -> Any:
        raise error("ClientException", "DescribeJobDefinitions")

    containers.batch[HOME].lists["describe_job_definitions"] = ("jobDefinitions", refuse)

    assert containers.problems(manifest(run("a"))) == [
        "line 1: jobDefinition: got 'simulate', allowed: an active job definition of us-east-1"
    ]


def test_fair_share_requires_a_priority(containers: Account) -> None:
    containers.batch[HOME].queues["training"] = ("fair", ("a",))

    [problem] = containers.problems(manifest(run("a", share="a"), run("b", share="a", priority=1)))

    assert problem.startswith("line 1: priority: missing; fair share requires it")


def test_large_environment_is_refused(containers: Account) -> None:
    overrides = {"environment": [{"name": "MODE", "value": "x" * 8000}]}
    containers.config["template"] = json.dumps(CONTAINERS | {"containerOverrides": overrides})

    [problem] = containers.problems(manifest(run("a")))

    assert problem.startswith("a.containerOverrides: got '8,")
    assert problem.endswith("at most 8,192 characters")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"metric": 1}, "template.metric: got 1, allowed: a text"),
        ({"direction": "up"}, "template.direction: got 'up', allowed: maximize or minimize"),
        ({"containerOverrides": {"environment": "x"}}, "line 1: template: Invalid type for parameter "),
        ({"timeout": {"seconds": 1}}, "line 1: template: Unknown parameter in timeout"),
    ],
)
def test_template_for_containers_is_checked(containers: Account, members: dict[str, Any], problem: str) -> None:
    containers.config["template"] = json.dumps(CONTAINERS | members)

    [found] = containers.problems(manifest(run("a")))

    assert found.startswith(problem)


def test_unknown_member_of_a_template_for_containers_is_refused(containers: Account) -> None:
    containers.config["template"] = json.dumps(CONTAINERS | {"jobName": "x"})

    [problem] = containers.problems(manifest(run("a")))

    assert problem.startswith("template.jobName: unknown; a template for containers has jobDefinition, ")
