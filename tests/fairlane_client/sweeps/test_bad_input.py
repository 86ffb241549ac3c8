"""Bad input: each mistake has its message, and nothing is written or submitted."""

import sys
from typing import Any

import pytest

from fairlane.errors import ConfigurationError
from fairlane_client.sweeps import Median, Refused, SuccessiveHalving
from tests.fairlane_client.sweeps.world import World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}
RANGE = {"x": {"min": 0.0, "max": 1.0}}


def answer(world: World, target: dict[str, Any] | None = None, **options: Any) -> str:
    """Return the message for a sweep that is refused."""
    with pytest.raises(ConfigurationError) as caught:
        world.sweep(**options).submit(**(ARRAY if target is None else target))
    assert not world.s3.objects
    assert not world.batch.jobs
    return str(caught.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space: got {}, allowed: at least one parameter, with a list of values or a range"),
        ({"x": []}, "space.x: got [], allowed: a list with at least one value, or a range with min and max"),
        ({"x": "abc"}, "space.x: got 'abc', allowed: a list"),
        ({"x": b"abc"}, "space.x: got b'abc', allowed: a list"),
        ({"x": 3}, "space.x: got 3, allowed: a list"),
        ({"x": list(range(1001)), "y": list(range(1000))}, "got '1,001,000 points', allowed: at most 1,000,000 points"),
        ({"x": range(10**12)}, "space.x: got '1,000,000,000,000 values', allowed: at most 1,000,000 values"),
        ({"x": [1, 2, 1]}, "space.x: 1 is listed twice: use repeat for several runs of each point"),
        ({"x": [float("nan")]}, "space.x: got nan, allowed: text, finite numbers, true or false"),
        ({"x": [1, float("-inf")]}, "space.x: got -inf, allowed: text, finite numbers"),
        ({"x": [b"a"]}, "space.x: got b'a', allowed: text"),
        ({"x": [[1]]}, "space.x: got [1], allowed: text"),
        ({"x": [{"y": 1}]}, "space.x: got {'y': 1}, allowed: text"),
        ({"x": [None]}, "space.x: "),
        ({"learning rate": [1]}, "got 'learning rate', allowed: names of letters, digits and underscores"),
        ({"1x": [1]}, "that do not start with a digit"),
        ({7: [1]}, "got 7, allowed: names"),
        ({"aws_batch_x": [1]}, "got 'aws_batch_x', allowed: names that do not start with AWS_BATCH or FAIRLANE_"),
        ({"rate": [1], "RATE": [2]}, "another parameter has the environment variable RATE"),
        ({"x": ["a" * 4100]}, "space: got '4,134 bytes for the longest point', allowed: at most 4,096 bytes"),
        ({"x": {"min": 0, "max": 1}}, "sampler: ranges require a sampler: use random, sobol, tpe, cma-es"),
    ],
    ids=str,
)
def test_spaces(space: Any, message: str) -> None:
    assert message in answer(World(), space=space)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min": 1}, "min and max as numbers"),
        ({"min": 2, "max": 1}, "finite numbers with min below max"),
        ({"min": 0, "max": 10**400}, "finite numbers with min below max"),
        ({"min": 0, "max": 1, 3: 1, "mu": 2}, "space.x.3: unknown; use min, max, distribution or q"),
        ({"min": 0.0, "max": float("inf")}, "finite numbers with min below max"),
        ({"min": 0, "max": 1, "mu": 3}, "space.x.mu: unknown; use min, max, distribution or q"),
        ({"min": 0, "max": 1, "distribution": "normal"}, "space.x.distribution: got 'normal', allowed: uniform"),
        ({"min": 0, "max": 1, "distribution": "log_uniform_values"}, "a number above 0 for a logarithmic distribution"),
        ({"min": 0.5, "max": 3, "distribution": "int_uniform"}, "whole numbers for int_uniform"),
        ({"min": 0, "max": 3, "q": 0}, "space.x.q: got 0, allowed: a number above 0, at most 3"),
        ({"min": 0, "max": 3, "distribution": "uniform", "q": 1}, "space.x.q: uniform has no steps: leave q out"),
        ({"min": 1, "max": 9, "distribution": "q_log_uniform_values", "q": 2}, "use log_uniform_values, or list"),
    ],
    ids=str,
)
def test_ranges(values: dict[str, Any], message: str) -> None:
    assert message in answer(World(), space={"x": values}, sampler="random", points=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sweep_id": "Bad_Id"}, "sweep_id: got 'Bad_Id', allowed: 1 to 64 lower-case letters, digits and hyphens"),
        ({"sweep_id": "a" * 65}, "allowed: 1 to 64 lower-case letters"),
        ({"metric": "val acc"}, "metric: got 'val acc', allowed: a name of letters, digits and underscores"),
        ({"direction": "up"}, "direction: got 'up', allowed: maximize or minimize"),
        ({"repeat": 0}, "repeat: got 0, allowed: a whole number, 1 to 1,000"),
        ({"points": 4}, "points: requires a sampler: a grid runs all its points"),
        ({"sampler": "grid", "points": 4}, "sampler: got 'grid', allowed: random, sobol, tpe, cma-es"),
        ({"sampler": "tpe"}, "points: missing; use a whole number, 1 to 1,000,000"),
        ({"sampler": "tpe", "points": 4, "repeat": 2}, "repeat: requires a grid: a sampler chooses each point"),
        ({"sampler": "tpe", "points": 4, "parallel": 0}, "parallel: got 0, allowed: a whole number, 1 to 10,000"),
        ({"sampler": "tpe", "points": 4, "seed": "x"}, "seed: got 'x', allowed: a whole number"),
        ({"stop": SuccessiveHalving(reduction_factor=1)}, "stop.reduction_factor: got 1, allowed: a whole number, 2"),
        ({"stop": Median(warmup_steps=-1)}, "stop.warmup_steps: got -1, allowed: a whole number, 0 to 1,000,000"),
        ({"store": "Search_1"}, "store: got 'Search_1', allowed: 1 to 64 lower-case letters, digits and hyphens"),
        ({"store": None}, "store: missing; use 1 to 64 lower-case letters"),
        ({"stop": {"rule": "asha"}}, "stop.rule: got 'asha', allowed: successive-halving or median"),
        ({"stop": {"rule": "median", "eta": 3}}, "stop.eta: unknown; median has startup_runs, warmup_steps"),
        ({"stop": {"rule": "successive-halving", "reduction_factor": 1}}, "stop.reduction_factor: got 1, allowed"),
    ],
    ids=str,
)
def test_plans(options: dict[str, Any], message: str) -> None:
    assert message in answer(World(), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queue": ""}, "queue: missing; use the name of a queue"),
        ({"queue": "other"}, "queue: got 'other', allowed: a queue of this account and Region"),
        ({"queue": "training"}, "queue: training is a queue for training jobs: use payload"),
        ({"job_definition": None}, "give one of both"),
        ({"job_definition": "other"}, "job_definition: got 'other', allowed: an active job definition of this account"),
        ({"job_definition": "train:1"}, "job_definition: got 'train:1', allowed: an active job definition"),
        ({"job_definition": "plain"}, "priority: missing; fair share requires it where the job definition has no sch"),
        ({"share_identifier": "unknown"}, "share_identifier: got 'unknown', allowed: sweeps, team-*"),
        ({"share_identifier": "team"}, "share_identifier: got 'team', allowed: sweeps, team-*"),
        ({"share_identifier": None}, "share_identifier: missing; use sweeps, team-*"),
        ({"queue": "fifo"}, "share_identifier: the policy of fifo has none of these shares: leave it out"),
        ({"quota_share": "vision"}, "quota_share: only queues for training jobs have quota shares"),
        ({"depends_on": 9}, "depends_on: got 9, allowed: the ID of a job"),
        ({"depends_on": ""}, "depends_on: missing; use the ID of a job"),
        ({"queue": 3}, "queue: got 3, allowed: the name of a queue"),
        ({"job_definition": ["train"]}, "job_definition: got ['train'], allowed: the name of a job definition"),
        ({"share_identifier": True}, "share_identifier: got True, allowed: a share of the queue"),
        ({"environment": ["TOKEN=secret"]}, "environment: got 'list', allowed: a mapping with names and texts"),
        ({"environment": {3: "a"}}, "environment: got 3, allowed: names of letters, digits and underscores"),
        ({"environment": {"A B": "a"}}, "environment: got 'A B', allowed: names of letters"),
        ({"priority": 10_000}, "priority: got 10000, allowed: a whole number, 0 to 9,999"),
        ({"attempts": 11}, "attempts: got 11, allowed: a whole number, 1 to 10"),
        ({"environment": {"DATA": 3}}, "environment.DATA: got 3, allowed: text"),
        ({"environment": {"AWS_BATCH_X": "3"}}, "got 'AWS_BATCH_X', allowed: names that do not start with AWS_BATCH"),
        ({"environment": {"A": "x" * 8000}}, "environment: got '8,3"),
        ({"environment": {"A": "x" * 8000}}, "characters in JSON', allowed: at most 8,192 characters"),
        ({"environment": {"A": "x" * 31_000}}, "bytes in JSON', allowed: at most 30,720 bytes"),
    ],
    ids=str,
)
def test_targets(change: dict[str, Any], message: str) -> None:
    assert message in answer(World(), ARRAY | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payload": "train.json"}, "payload: got 'train.json', allowed: a CreateTrainingJob request"),
        ({"quota_share": "audio"}, "quota_share: got 'audio', allowed: vision, language"),
        ({"share_identifier": "sweeps"}, "quota_share: mutually exclusive with share_identifier"),
        ({"quota_share": None}, "quota_share: missing; use vision, language"),
        ({"queue": "gpu", "quota_share": None}, "queue: gpu is a queue on EC2: use job_definition"),
        ({"environment": {"A": "b"}}, "environment: requires job_definition"),
        ({"depends_on": "job-1"}, "depends_on: requires job_definition"),
    ],
    ids=str,
)
def test_targets_of_training_jobs(change: dict[str, Any], message: str, service: dict[str, Any]) -> None:
    assert message in answer(World(), service | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RoleArn": None}, "payload.RoleArn: "),
        ({"Role": "x"}, "payload.Role: unknown; CreateTrainingJob has TrainingJobName"),
        ({"ResourceConfig": {"InstanceType": "ml.x", "VolumeSizeInGB": 1}}, "payload.ResourceConfig.InstanceType: got"),
        (
            {"ResourceConfig": {"InstanceCount": -1, "VolumeSizeInGB": 1}},
            "InstanceCount: got '-1', allowed: at least 0",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "1"}}, "MaxRuntimeInSeconds: got '1', allowed: a whole number"),
        ({"HyperParameters": {"x": "1"}}, "payload.HyperParameters.x: the sweep sets it"),
        ({"HyperParameters": ["x"]}, "payload.HyperParameters: got ['x'], allowed: an object"),
        (
            {"HyperParameters": {"y": "1" * 2501}},
            "payload.HyperParameters.y: got '2,501 characters', allowed: 0 to 2,500",
        ),
        ({"HyperParameters": {f"y{n}": "1" for n in range(101)}}, "got '103 entries', allowed: 0 to 100 entries"),
        ({"Environment": {"A": "b" * 500, **{f"A{n}": "c" * 500 for n in range(20)}}}, "allowed: at most 10,240 bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_payloads(change: dict[str, Any], message: str, service: dict[str, Any]) -> None:
    service["payload"] |= change
    assert message in answer(World(), service)


def test_the_longest_point_is_checked_wherever_it_is(service: dict[str, Any]) -> None:
    space = {"x": ["a", "b" * 2501], "y": list(range(10_000))}
    text = answer(World(), service, space=space)
    assert "payload.HyperParameters.x: got '2,501 characters', allowed: 0 to 2,500 characters" in text


def test_all_mistakes_are_in_one_error() -> None:
    text = answer(World(), space={"x": []}, metric="", direction="up")
    assert text.startswith("sweep resnet-lr: 3 problems\n")


@pytest.mark.parametrize(
    "options",
    [
        {"space": {"x": [0.5, 3.0]}},
        {"space": {"x": [0.5, 2]}},
        {"space": {"y": [0.5, 2.0]}},
        {"metric": "loss"},
        {"repeat": 2},
    ],
    ids=str,
)
def test_an_id_that_is_taken(options: dict[str, Any]) -> None:
    world = World()
    world.sweep().submit(**ARRAY)
    objects = dict(world.s3.objects)
    changed = next(iter(options))
    sentence = (
        f"sweep_id: the store search has a sweep of this id with another {changed}: use another id, or Sweep.open"
    )
    with pytest.raises(ConfigurationError, match=sentence):
        world.sweep(**options).submit(**ARRAY)
    assert (world.s3.objects, len(world.batch.jobs)) == (objects, 1)


def test_another_order_of_parameters_is_another_space() -> None:
    """The index of a point depends on the order."""
    world = World()
    world.sweep(space={"x": [1, 2], "y": [3, 4]}).submit(**ARRAY)
    with pytest.raises(ConfigurationError, match="with another space"):
        world.sweep(space={"y": [3, 4], "x": [1, 2]}).submit(**ARRAY)


def test_tuples_and_ranges_of_numbers_are_lists() -> None:
    world = World()
    world.sweep(space={"x": (1, 2), "y": range(2)}).submit(**ARRAY)
    world.sweep(space={"x": [1, 2], "y": [0, 1]}).submit(**ARRAY)
    assert sum(world.submitted().values()) == 4


def test_shares_by_prefix_and_queues_without_a_list_of_shares() -> None:
    world = World()
    world.sweep("one").submit(**ARRAY | {"share_identifier": "team-vision"})
    world.batch.shares = []
    world.sweep("two").submit(**ARRAY | {"share_identifier": "anything"})
    world.sweep("three").submit(queue="fifo", job_definition="train")
    assert len(world.batch.jobs) == 3


@pytest.mark.parametrize(
    "denied", ["describe_job_queues", "describe_scheduling_policies", "list_quota_shares", "describe_job_definitions"]
)
def test_what_the_client_must_not_read_is_not_checked(denied: str, service: dict[str, Any]) -> None:
    world = World()
    world.denied = {denied}
    target = service if denied == "list_quota_shares" else ARRAY
    fields = {"list_quota_shares": "quota_share", "describe_job_definitions": "job_definition"}
    world.sweep().submit(**target | {fields.get(denied, "share_identifier"): "unknown"})
    assert world.batch.jobs


@pytest.mark.parametrize(("sampler", "module"), [("tpe", "optuna"), ("sobol", "scipy"), ("cma-es", "cmaes")])
def test_a_sampler_without_its_extra(sampler: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    text = answer(World(), space=RANGE, sampler=sampler, points=3)
    assert f"sampler: {sampler} requires the extra: pip install 'fairlane[sweeps]'" in text


def test_a_sweep_without_boto3_or_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    sweep = world.sweep()
    sweep.submit(**ARRAY)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ImportError, match=r"a view in a terminal requires the extra: pip install 'fairlane\[client\]'"):
        sweep.watch()
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ImportError, match=r"sweeps require the extra: pip install 'fairlane\[client\]'"):
        world.sweep(session=None)


@pytest.mark.parametrize("number", [0, -1, 1.5, "3"])
def test_the_number_of_results(number: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"number: got .*, allowed: a whole number, 1 to 1,000,000"):
        World().sweep().leaderboard(number)


def test_an_unknown_store() -> None:
    with pytest.raises(
        LookupError, match="no sweep store other in us-east-1: the SSM parameter /fairlane/sweep-store/"
    ):
        World().sweep(store="other")


def test_the_message_of_aws_for_what_only_aws_knows() -> None:
    world = World()
    world.batch.refusal = "Job size must be less than 30 KiB, got 47 KiB"
    with pytest.raises(Refused, match="Job size must be less than 30 KiB, got 47 KiB"):
        world.sweep().submit(**ARRAY)
