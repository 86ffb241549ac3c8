"""Sizes of sweeps, pace of submissions, resume, stop and counts."""

import json
from collections import Counter
from dataclasses import asdict
from inspect import signature
from typing import Any

import pytest

from fairlane_client.sweeps import Counts, Median, Refused, SuccessiveHalving
from fairlane_client.sweeps.stop_rules import STOP_RULES
from fairlane_run.stopping import stop_rule
from tests.fairlane_client.faults import Killed, LostError
from tests.fairlane_client.sweeps.world import START, World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}
GRID = {"rate": [1e-3, 5e-4, 1e-4, 5e-5], "batch": [16, 32, 64, 128], "model": ["resnet18", "resnet50", "b0"]}


@pytest.mark.parametrize(
    ("points", "sizes"),
    [(1, [1]), (2, [2]), (48, [48]), (10_000, [10_000]), (10_001, [10_000, 1]), (25_000, [10_000, 10_000, 5_000])],
)
def test_a_sweep_is_array_jobs_of_at_most_10_000_points(points: int, sizes: list[int]) -> None:
    world = World()
    sweep = world.sweep(space={"x": list(range(points))})
    sweep.submit(**ARRAY)
    assert world.batch.names() == Counter(f"resnet-lr-{number:04}" for number in range(len(sizes)))
    assert [job["request"].get("arrayProperties", {}).get("size", 1) for job in world.batch.jobs] == sizes
    assert world.submitted() == Counter(range(points))
    assert len(world.calls) < 20 + 12 * len(sizes)
    assert world.open().advance() == 0


def test_a_request_has_the_target_and_the_settings_of_the_runs() -> None:
    world = World()
    sweep = world.sweep(space=GRID, stop={"rule": "median"}, direction="minimize")
    sweep.submit(**ARRAY, priority=7, attempts=3, depends_on="job-9", environment={"DATA": "s3://data"})
    (job,) = world.batch.jobs
    request = dict(job["request"])
    data, settings = request.pop("containerOverrides")["environment"]
    assert data == {"name": "DATA", "value": "s3://data"}
    key = "sweeps/resnet-lr/manifests/0000.jsonl"
    body, etag, _ = world.s3.objects[key]
    assert json.loads(settings["value"]) == {
        "bucket": "search-store",
        "sweep": "resnet-lr",
        "metric": "accuracy",
        "direction": "minimize",
        "stop": {"rule": "median"},
        "manifest": {"key": key, "etag": etag, "width": len(body) // 48, "lines": 48},
    }
    assert request == {
        "jobName": "resnet-lr-0000",
        "jobQueue": "gpu",
        "jobDefinition": "train",
        "shareIdentifier": "sweeps",
        "schedulingPriorityOverride": 7,
        "retryStrategy": {"attempts": 3},
        "dependsOn": [{"jobId": "job-9"}],
        "arrayProperties": {"size": 48},
    }


@pytest.mark.parametrize(
    ("stop", "members"),
    [
        (Median(), {"rule": "median"}),
        (Median(startup_runs=3), {"rule": "median", "startup_runs": 3}),
        (SuccessiveHalving(2, 3), {"rule": "successive-halving", "min_resource": 2, "reduction_factor": 3}),
    ],
    ids=str,
)
def test_a_stop_rule_is_its_members(stop: Any, members: dict[str, Any]) -> None:
    world = World()
    world.sweep(stop=stop).submit(**ARRAY)
    world.sweep(stop=members).submit(**ARRAY)
    (job,) = world.batch.jobs
    (variable,) = job["request"]["containerOverrides"]["environment"]
    assert json.loads(variable["value"])["stop"] == members
    ours, theirs = (type(rule).__name__ for rule in (stop, stop_rule(members, "maximize")))
    assert ours == theirs


@pytest.mark.parametrize("stop", [Median(), SuccessiveHalving()], ids=str)
def test_defaults_of_stop_rules_are_those_of_the_container(stop: Any) -> None:
    """Members leave out defaults, so that both must have the same."""
    parameters = signature(type(stop_rule({"rule": stop.rule}, "maximize"))).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name != "direction"}
    assert defaults == asdict(stop)
    assert STOP_RULES[stop.rule].keys() == defaults.keys()


def test_repeated_points_have_their_own_index() -> None:
    world = World()
    world.sweep(repeat=3).submit(**ARRAY)
    lines = world.s3.objects["sweeps/resnet-lr/manifests/0000.jsonl"][0].splitlines()
    assert [json.loads(line)["parameters"]["x"] for line in lines] == [0.5, 0.5, 0.5, 2.0, 2.0, 2.0]


def test_resume_runs_exactly_what_has_no_result_and_runs_no_more() -> None:
    world = World()
    sweep = world.sweep(space=GRID)
    sweep.submit(**ARRAY)
    assert sweep.resume() == 0
    world.end_jobs()
    for index in (3, 11, 20, 33, 47):
        del world.s3.objects[f"results/sweep=resnet-lr/{index}.json"]
    assert world.open().resume() == 0, "a new job can be listed late"
    world.now += 100
    assert world.open().resume() == 5
    assert world.indices(world.batch.jobs[1]) == [3, 11, 20, 33, 47]
    assert world.open().resume() == 0
    world.now += 100
    world.batch.start(world.batch.jobs[1], lines=2)
    assert world.open().resume() == 0
    world.end_jobs(lambda index: None)
    assert world.open().resume() == 5


def test_children_that_have_not_started_are_not_run_again() -> None:
    world = World()
    world.sweep(space=GRID).submit(**ARRAY, depends_on="job-9")
    world.now += 100
    world.batch.jobs[0]["children"] = []  # before the dependency has ended, AWS lists no child
    assert world.open().resume() == 0
    world.batch.jobs[0]["status"] = "PENDING"
    world.batch.jobs[0]["children"] = ["SUCCEEDED", "FAILED"] + ["RUNNABLE"] * 46
    world.put_result(0, 0.5)
    assert world.open().resume() == 1
    assert world.indices(world.batch.jobs[1]) == [1]


def test_a_round_that_fails_during_a_long_resume_is_not_run_twice(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlane_client.sweeps.rounds.CHUNK", 400)
    world = World(lag=5)
    world.sweep(space={"x": list(range(800))}).submit(**service)
    world.end_jobs(lambda index: None)
    world.now += 100
    submit = world.batch.submit_service_job

    def submit_and_fail(**request: Any) -> Any:
        if len(world.batch.jobs) == 1600:
            raise Killed
        answer = submit(**request)
        world.batch.end(world.batch.jobs[-1], ["FAILED"])
        return answer

    world.batch.submit_service_job = submit_and_fail  # type: ignore[method-assign]
    assert world.open().resume() == 800
    assert world.submitted() == Counter(dict.fromkeys(range(800), 2))


def test_1000_service_jobs_are_never_more_than_five_in_a_second(service: dict[str, Any]) -> None:
    world = World()
    world.sweep(space={"x": list(range(1000))}).submit(**service)
    times = world.batch.times
    assert len(times) == 1000
    assert all(later - earlier > 0.999 for earlier, later in zip(times, times[5:], strict=False))
    assert world.batch.throttled == 0
    assert 200 < times[-1] - times[0] < 240
    assert world.submitted() == Counter(range(1000))
    assert all(count == 1 for count in world.batch.names().values())


def test_throttled_service_jobs_slow_the_pace(service: dict[str, Any]) -> None:
    """Another client takes four of the five requests of each second."""
    world = World()
    submit = world.batch.submit_service_job

    def with_competition(**request: Any) -> Any:
        second = [world.now - 0.5 + n / 100 for n in range(4)]
        world.batch.times = sorted([*(t for t in world.batch.times if t not in second), *second])
        return submit(**request)

    world.batch.submit_service_job = with_competition  # type: ignore[method-assign]
    world.sweep(space={"x": list(range(100))}).submit(**service)
    assert world.submitted() == Counter(range(100))
    assert 0 < world.batch.throttled < 20


def test_a_service_job_has_the_point_in_its_payload(service: dict[str, Any]) -> None:
    world = World()
    service["payload"]["HyperParameters"] = {"epochs": "3"}
    world.sweep(space={"rate": [0.5], "name": ["a b"], "deep": [True]}).submit(**service, priority=3)
    (job,) = world.batch.jobs
    request = job["request"]
    payload = json.loads(request["serviceRequestPayload"])
    settings = json.loads(payload["HyperParameters"].pop("fairlane-sweep"))
    assert payload["HyperParameters"] == {"epochs": "3", "rate": "0.5", "name": "a b", "deep": "true"}
    assert settings["types"] == {"rate": "json", "name": "text", "deep": "json"}
    assert settings["index"] == 0
    assert request["jobName"].startswith("resnet-lr-0-")
    assert request["quotaShareName"] == "vision"
    assert request["schedulingPriority"] == 3


def test_a_queue_for_training_jobs_with_fair_share(service: dict[str, Any]) -> None:
    world = World()
    world.sweep().submit(queue="training", payload=service["payload"], share_identifier="sweeps", attempts=2)
    assert [job["request"]["shareIdentifier"] for job in world.batch.jobs] == ["sweeps"] * 2
    assert [job["request"]["retryStrategy"] for job in world.batch.jobs] == [{"attempts": 2}] * 2
    assert "quotaShareName" not in world.batch.jobs[0]["request"]


def test_sweeps_whose_ids_have_the_same_start_have_their_own_jobs(service: dict[str, Any]) -> None:
    """The list of jobs by the prefix `lr-` has the jobs of `lr-1` too."""
    world = World()
    for name in ("lr", "lr-1"):
        world.sweep(name).submit(**service)
    world.now += 100
    world.batch.end(world.batch.jobs[0], ["FAILED"])
    assert (world.open("lr-1").resume(), world.open("lr").resume()) == (0, 1)
    world.now += 100
    world.open("lr").stop()
    assert [job["status"] for job in world.batch.jobs] == ["FAILED", "FAILED", "SUBMITTED", "SUBMITTED", "FAILED"]


@pytest.mark.parametrize("kind", ["array", "service"])
def test_stop_ends_all_jobs_until_resume(kind: str, service: dict[str, Any]) -> None:
    world = World()
    sweep = world.sweep(space={"x": {"min": 0, "max": 1000}}, sampler="random", points=70, parallel=60)
    sweep.submit(**(service if kind == "service" else ARRAY))
    sweep.stop()
    assert {job["status"] for job in world.batch.jobs} == {"FAILED"}
    world.now += 100
    assert world.open().advance() == 0
    assert sum(world.submitted().values()) == 60
    assert world.open().counts() == Counts(done=0, stopped=0, running=0, waiting=0, failed=60)
    assert world.open().resume() == 60
    world.end_jobs()
    world.now += 100
    assert world.open().advance() == 10


def test_jobs_that_are_not_terminated_are_an_error(service: dict[str, Any]) -> None:
    world = World()
    sweep = world.sweep(space={"x": list(range(70))})
    sweep.submit(**service)
    world.batch.terminate_errors = [{"job": "job-1", "code": "ServerException", "message": "try again"}]
    with pytest.raises(Refused, match="2 of 70 jobs are not terminated: try again"):
        sweep.stop()
    assert world.calls.count("terminate_service_jobs") == 2, "all are tried"


def test_a_stop_ends_the_submissions_of_another_client(service: dict[str, Any]) -> None:
    world = World()
    submit = world.batch.submit_service_job

    def submit_and_stop(**request: Any) -> Any:
        if len(world.batch.jobs) == 100:
            world.s3.write("sweeps/resnet-lr/stopped", b"true")  # the first write of a client that stops the sweep
        return submit(**request)

    world.batch.submit_service_job = submit_and_stop  # type: ignore[method-assign]
    sweep = world.sweep(space={"x": list(range(400))})
    sweep.submit(**service)
    number = len(world.batch.jobs)
    assert 100 < number < 200
    world.batch.submit_service_job = submit  # type: ignore[method-assign]
    world.open().stop()
    assert {job["status"] for job in world.batch.jobs} == {"FAILED"}
    assert sweep.advance() == 0
    assert world.open().resume() == 400
    world.now += 100
    assert world.open().resume() == number
    assert world.submitted() == Counter([*range(400), *range(number)])


def test_a_client_that_slept_while_the_sweep_was_stopped_submits_nothing(service: dict[str, Any]) -> None:
    world = World()
    submit = world.batch.submit_service_job

    def sleep_and_submit(**request: Any) -> Any:
        if len(world.batch.jobs) == 3 and not world.s3.keys("sweeps/resnet-lr/stopped"):
            world.now += 300
            world.open().stop()
            raise LostError
        return submit(**request)

    world.batch.submit_service_job = sleep_and_submit  # type: ignore[method-assign]
    world.sweep(space={"x": list(range(9))}).submit(**service)
    assert [job["status"] for job in world.batch.jobs] == ["FAILED"] * 3


def test_stop_of_a_sweep_whose_client_was_killed_finds_its_jobs(service: dict[str, Any]) -> None:
    world = World()
    world.batch.refusal = None
    submit = world.batch.submit_service_job

    def submit_three(**request: Any) -> Any:
        if len(world.batch.jobs) == 3:
            raise KeyboardInterrupt
        return submit(**request)

    world.batch.submit_service_job = submit_three  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.sweep(space={"x": list(range(6))}).submit(**service)
    world.batch.submit_service_job = submit  # type: ignore[method-assign]
    world.open().stop()
    assert [job["status"] for job in world.batch.jobs] == ["FAILED"] * 3
    world.open().resume()
    world.now += 100
    assert world.open().resume() == 3
    assert world.submitted() == Counter([*range(6), 0, 1, 2])


def test_counts_are_by_the_state_of_jobs_and_results() -> None:
    world = World()
    sweep = world.sweep(space={"x": list(range(6))})
    sweep.submit(**ARRAY)
    assert sweep.counts() == Counts(done=0, stopped=0, running=0, waiting=6, failed=0)
    world.now += 100
    world.batch.start(world.batch.jobs[0])
    world.batch.jobs[0]["children"] = ["SUCCEEDED", "SUCCEEDED", "FAILED", "RUNNING", "STARTING", "RUNNABLE"]
    world.put_result(0, 0.5)
    world.put_result(1, 0.5, state="STOPPED")
    counts = sweep.counts()
    assert counts == Counts(done=1, stopped=1, running=2, waiting=1, failed=1)
    assert str(counts) == "1 done, 1 stopped, 2 running, 1 waiting, 1 failed"
    assert world.now - START > 0


def test_an_ended_round_is_not_described_again() -> None:
    world = World()
    sweep = world.sweep(space=GRID)
    sweep.submit(**ARRAY)
    world.end_jobs()
    world.now += 100
    sweep.counts()
    calls = len(world.calls)
    sweep.counts()
    assert "describe_jobs" not in world.calls[calls:]
    assert "get_object" in world.calls[calls:]
    assert len(world.calls) - calls <= 4


def test_the_id_must_be_submitted_before_other_calls() -> None:
    world = World()
    with pytest.raises(LookupError, match="sweep resnet-lr is not submitted"):
        world.sweep().resume()
    with pytest.raises(LookupError, match="the store search has no sweep resnet-lr"):
        world.open()
