"""Random histories of events: shuffled, doubled, missing, with failures; the ledger is as an independent model says."""

from functools import partial
from random import Random
from typing import Any

import pytest

from .job_histories import SECRET, Life, deliveries, random_lives
from .outcome_world import HOUR, World

IN_CI = 400
IN_SOAK = 10_000


def prepared_world(random: Random, lives: list[Life]) -> World:
    """Return a world whose lines were submitted, perhaps without a recorded answer."""
    world = World()
    for life in lives:
        if life.child is None:
            state = random.choice(["SUBMITTED", "SUBMITTED", "SUBMITTING", "UNKNOWN", "REFUSED"])
            world.put_line(life, state=state, job_id=life.job_id if state == "SUBMITTED" else None)
        world.descriptions.lives[life.job_id] = life
    return world


def check_line(world: World, life: Life, fields: dict[str, Any]) -> None:
    line = world.line(life.digest, life.child)
    assert {name: line.get(name) for name in fields} == fields
    assert (line["region"], line["gpus"], line["queue"]) == (life.region, 8, "training")
    is_trained = fields["state"] == "SUCCEEDED" and life.kind == "service"
    assert ("model" in line) <= is_trained


def check_history(seed: int) -> None:
    random = Random(seed)
    lives = random_lives(random)
    world = prepared_world(random, lives)
    failures = random.choice([0, 0, 0.2])

    def fail(call: str) -> str:
        return random.choice(["before", "after"]) if random.random() < failures else ""

    world.dynamodb.fail = world.sagemaker.fail = fail
    waiting = list(deliveries(random, lives))
    last: dict[str, int] = {}
    for life, number in waiting:
        last[life.job_id] = max(number, last.get(life.job_id, -1))
    while waiting:
        size = random.randint(1, 10)
        batch, waiting = waiting[:size], waiting[size:]
        failed = world.deliver_lives(*batch)
        waiting += [batch[number] for number in failed]
        if random.random() < 0.2:
            _settle(world, random.choice(lives))
    world.dynamodb.fail = world.sagemaker.fail = world.batch.fail = lambda call: ""
    for life in lives:
        if life.job_id in last:
            check_line(world, life, life.transitions[last[life.job_id]].fields)
        elif life.child is not None:
            assert not world.line(life.digest, life.child)
    _check_questions(world, random, lives)
    assert SECRET not in str(world.table.items) + world.printed + world.logged


def _fail_sometimes(random: Random, chance: float, call: str) -> str:
    return "before" if random.random() < chance else ""


def _settle(world: World, life: Life) -> None:
    """Record the answer of the submission, as `submit` does: only for a line that is still SUBMITTING."""
    line = world.line(life.digest)
    if life.child is None and line["state"] == "SUBMITTING":
        world.put_line(life, **{**line, "state": "SUBMITTED", "job_id": life.job_id})


def _check_questions(world: World, random: Random, lives: list[Life]) -> None:
    """Check that all lines have their last state after questions, which may fail."""
    world.put_manifest(regions={lives[0].region: len(lives)})
    end = max(life.transitions[-1].time for life in lives)
    for number in range(6):
        world.now = max(end, world.now) + 2 * HOUR
        chance = random.choice([0, 0.5]) if number < 2 else 0
        world.batch.fail = partial(_fail_sometimes, random, chance)
        world.reconcile()
    for life in lives:
        line = world.line(life.digest)
        if line["state"] == "REFUSED":
            continue  # nobody asks about a line that AWS Batch refused: an event would show its job
        check_line(world, life, life.transitions[-1].fields)
        if life.kind == "service" and line["state"] == "SUCCEEDED":
            assert line["model"] == f"s3://models/{line['training_job']}/model.tar.gz"
    shown = [row["state"] for row in world.rows()]
    assert len(shown) == sum(life.size == 1 for life in lives)


@pytest.mark.parametrize("first", range(0, IN_CI, 100))
def test_lines_end_as_the_last_event_that_came_and_then_as_their_jobs(first: int) -> None:
    for seed in range(first, first + 100):
        check_history(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(IN_CI, IN_CI + IN_SOAK, 1_000))
def test_many_more_histories(first: int) -> None:
    for seed in range(first, first + 1_000):
        check_history(seed)


def test_every_call_of_a_history_can_fail_before_and_after_its_effect() -> None:
    lives = random_lives(Random(7))
    events = [(life, number) for life in lives for number in range(len(life.transitions))]
    calls = _deliver(lives, events, fail_at=-1, how="").dynamodb.calls.total()
    assert calls > 10
    for how in ("before", "after"):
        for number in range(calls):
            world = _deliver(lives, events, number, how)
            for life in lives:
                check_line(world, life, life.transitions[-1].fields)


def _deliver(lives: list[Life], events: list[tuple[Life, int]], fail_at: int, how: str) -> World:
    world = World()
    for life in lives:
        if life.child is None:
            world.put_line(life)
    world.dynamodb.fail = lambda call: how if world.dynamodb.calls.total() == fail_at + 1 else ""
    waiting = events
    while waiting:
        waiting = [waiting[number] for number in world.deliver_lives(*waiting)]
    return world
