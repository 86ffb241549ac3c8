"""Each point gets exactly one job, whatever happens to clients and answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_client.sweeps import Refused, Sweep, Unanswered
from tests.fairlane_client.faults import FAULTS, Killed, LostError, client_error
from tests.fairlane_client.sweeps.world import Turns, World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}
POINTS = {"x": [0.5, 2.0, 3.0], "name": ["a", "b"]}


def until_done(world: World, action: Callable[[], object]) -> None:
    """Run a client, and a new one after each end by a fault."""
    for _ in range(10):
        try:
            action()
        except (Killed, LostError, Unanswered):
            world.fault = None
        else:
            return
    raise AssertionError


def faults(prepare: Callable[[], World], action: Callable[[World], object], fault: str) -> Iterator[World]:
    """Yield the world after a fault at each call of an action, in turn."""
    number, struck = 0, True
    while struck:
        world = prepare()
        number += 1
        world.fault = (len(world.calls) + number, fault)
        calls = len(world.calls)
        until_done(world, lambda world=world: action(world))  # type: ignore[misc]
        struck = world.fault is None or len(world.calls) >= calls + number
        yield world
    assert number > 5


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["array", "service", "one"])
def test_a_client_that_ends_at_any_call_of_submit(fault: str, kind: str, service: dict[str, Any]) -> None:
    space = {"x": [1]} if kind == "one" else POINTS
    target = service if kind == "service" else ARRAY
    for world in faults(World, lambda world: world.sweep(space=space).submit(**target), fault):
        assert world.submitted() == Counter(range(1 if kind == "one" else 6))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["array", "service"])
def test_a_client_that_ends_at_any_call_of_resume(fault: str, kind: str, service: dict[str, Any]) -> None:
    def prepare() -> World:
        world = World()
        world.sweep(space=POINTS).submit(**(service if kind == "service" else ARRAY))
        world.end_jobs(lambda index: None if index in (1, 4) else 0.5)
        world.now += 100
        return world

    for world in faults(prepare, lambda world: world.open().resume(), fault):
        assert world.submitted() == Counter([*range(6), 1, 4])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_that_ends_at_any_call_of_advance(fault: str) -> None:
    def sampled() -> World:
        world = World()
        world.sweep(space={"x": {"min": 0.0, "max": 1.0}}, sampler="random", points=5, parallel=2).submit(**ARRAY)
        return world

    def play(world: World) -> None:
        while True:
            world.end_jobs()
            world.now += 100
            if not world.open().advance():
                return

    for world in faults(sampled, play, fault):
        assert world.submitted() == Counter(range(5))


@pytest.mark.parametrize("kind", ["array", "service"])
@pytest.mark.parametrize("seed", range(20))
def test_two_clients_at_once(seed: int, kind: str, service: dict[str, Any]) -> None:
    world = World()
    target = service if kind == "service" else ARRAY
    sweeps = [world.sweep(space=POINTS) for _ in range(2)]
    errors = Turns(world, seed, latency=12).run(*[lambda s=s: s.submit(**target) for s in sweeps])
    assert errors == [None, None]
    assert world.submitted() == Counter(range(6))
    world.end_jobs(lambda index: 1.0 if index < 3 else None)
    world.now += 100
    errors = Turns(world, seed, latency=12).run(*[world.open().resume for _ in range(2)])
    assert errors == [None, None]
    assert world.submitted() == Counter([*range(6), 3, 4, 5])


@pytest.mark.parametrize("seed", range(20))
def test_three_clients_of_which_one_is_killed(seed: int) -> None:
    world = World()
    world.fault = (8 + seed, "after" if seed % 2 else "before")
    sweeps = [world.sweep(space={"x": {"min": 0, "max": 9}}, sampler="random", points=6, parallel=3) for _ in range(3)]
    errors = Turns(world, seed, latency=10).run(*[lambda s=s: s.submit(**ARRAY) for s in sweeps])
    assert sum(isinstance(error, Killed) for error in errors) == 1
    assert sum(error is None for error in errors) == 2
    assert world.submitted() == Counter(range(3))


def test_a_second_client_waits_for_a_claim_and_finds_the_job() -> None:
    world = World()
    world.fault = (call_number("submit_job"), "after")
    with pytest.raises(Killed):
        world.sweep().submit(**ARRAY)
    killed_at = world.now
    world.open().advance()
    assert len(world.batch.jobs) == 1
    assert 95 < world.now - killed_at < 120
    assert world.open().advance() == 0


@pytest.mark.parametrize("action", ["advance", "stop"])
@pytest.mark.parametrize("kind", ["array", "service"])
def test_jobs_of_the_same_names_of_another_store_are_left_alone(
    kind: str, action: str, service: dict[str, Any]
) -> None:
    """A client is killed before its request. The look-up finds jobs of a sweep of the same id, in the same queue."""
    target = service if kind == "service" else ARRAY
    call = "submit_service_job" if kind == "service" else "submit_job"
    worlds = [World(), World()]
    worlds[0].bucket = "another-store"
    worlds[1].fault = (call_number(call, target), "before")
    for world in worlds:
        with suppress(Killed):
            world.sweep(space=POINTS).submit(**target)
    other, world = worlds
    foreign = [job | {"jobId": f"other-{job['jobId']}", "jobArn": "other"} for job in other.batch.jobs]
    world.batch.jobs += foreign
    getattr(world.open(), action)()
    assert {job["status"] for job in foreign} == {"SUBMITTED"}
    assert len(world.batch.jobs) == len(foreign) * (2 if action == "advance" else 1)


def test_a_client_that_slept_beyond_its_claim_does_not_submit() -> None:
    """The first client stands still before its request, until the second one has taken its claim."""
    world = World()
    first, second = world.sweep(space=POINTS), world.sweep(space=POINTS)
    put = world.s3.put_object

    def put_and_sleep(**request: Any) -> Any:
        answer = put(**request)
        if request["Key"].endswith("claim.json"):
            world.s3.put_object = put  # type: ignore[method-assign]
            world.now += 300
            second.submit(**ARRAY)
        return answer

    world.s3.put_object = put_and_sleep  # type: ignore[method-assign]
    first.submit(**ARRAY)
    assert world.submitted() == Counter(range(6))


def test_a_refused_request_frees_its_claim() -> None:
    world = World()
    world.batch.refusal = "JobDefinition train:1 can not be found"
    with pytest.raises(Refused, match="can not be found"):
        world.sweep().submit(**ARRAY)
    world.batch.refusal = None
    start = world.now
    world.sweep().submit(**ARRAY)
    assert world.now - start < 5
    assert world.submitted() == Counter(range(2))


def test_a_conditional_write_that_meets_another_one_is_repeated() -> None:
    world = World()
    put, conflicts = world.s3.put_object, [3]

    def put_with_conflicts(**request: Any) -> Any:
        if conflicts[0]:
            conflicts[0] -= 1
            raise client_error("ConditionalRequestConflict", "", 409, "PutObject")
        return put(**request)

    world.s3.put_object = put_with_conflicts  # type: ignore[method-assign]
    world.sweep().submit(**ARRAY)
    assert conflicts == [0]
    assert world.submitted() == Counter(range(2))


def test_conflicts_without_an_end_are_an_error() -> None:
    world = World()

    def conflict(**request: Any) -> Any:
        raise client_error("ConditionalRequestConflict", "", 409, "PutObject")

    world.s3.put_object = conflict  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        world.sweep().submit(**ARRAY)
    assert not world.batch.jobs


def test_a_second_submit_submits_nothing() -> None:
    world = World()
    sweep = world.sweep()
    sweep.submit(**ARRAY)
    sweep.submit(**ARRAY)
    assert isinstance(sweep, Sweep)
    assert world.submitted() == Counter(range(2))


def call_number(name: str, target: dict[str, Any] = ARRAY) -> int:
    """Return the number of the first call of a name during `submit`."""
    probe = World()
    probe.sweep().submit(**target)
    return probe.calls.index(name) + 1


def test_a_refusal_after_some_jobs_keeps_its_claim(service: dict[str, Any]) -> None:
    """The jobs are not listed yet, so the next client waits for the list."""
    world = World()
    submit = world.batch.submit_service_job

    def submit_three(**request: Any) -> Any:
        world.batch.refusal = "no more" if len(world.batch.jobs) == 3 else None
        return submit(**request)

    world.batch.submit_service_job = submit_three  # type: ignore[method-assign]
    with pytest.raises(Refused, match="no more"):
        world.sweep(space=POINTS).submit(**service)
    world.batch.refusal = None
    world.batch.submit_service_job = submit  # type: ignore[method-assign]
    world.open().advance()
    assert world.submitted() == Counter(range(6))


def test_points_in_the_manifest_of_a_faster_client_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.sweep(space=POINTS).submit(**ARRAY)
    world.end_jobs(lambda index: None if index in (1, 4) else 0.5)
    world.now += 100
    put = world.s3.put_object

    def put_second(**request: Any) -> Any:
        if request["Key"].endswith("manifests/0001.jsonl"):
            lines = world.s3.objects["sweeps/resnet-lr/manifests/0000.jsonl"][0].splitlines(keepends=True)
            world.s3.write(request["Key"], lines[1] + lines[4])
        return put(**request)

    world.s3.put_object = put_second  # type: ignore[method-assign]
    monkeypatch.setattr("fairlane_client.sweeps.rounds.CHUNK", 1)
    world.open().resume()
    assert world.submitted() == Counter([*range(6), 1, 4])


def test_a_stopped_sweep_leaves_pending_points_until_resume() -> None:
    world = World()
    world.fault = (call_number("submit_job") - 1, "before")
    with pytest.raises(Killed):
        world.sweep().submit(**ARRAY)
    assert world.s3.keys("sweeps/resnet-lr/manifests/")
    world.open().stop()
    assert world.open().advance() == 0
    assert not world.batch.jobs
    start = world.now
    assert world.open().resume() == 2
    assert world.now - start < 5, "the claim is free"
    assert world.submitted() == Counter(range(2))
