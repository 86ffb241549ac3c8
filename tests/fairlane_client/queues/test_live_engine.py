from pathlib import Path
from random import Random

import boto3
import pytest

from fairlane_client.queues.calls import Calls
from fairlane_client.queues.jobs import ENDED, HOLDING, WAITING, describe_jobs, list_jobs
from fairlane_client.queues.live_engine import build_live_engine
from fairlane_client.queues.queue import Queue, read_queue
from fairlane_local.batch.jobs.queue_jobs import find_queue, jobs_of
from fairlane_local.testing.local_batch import LocalBatch

_FILE = """
region: us-east-1
queues:
  fifo: {capacity: 8, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
  fair:
    capacity: 8
    instance_type: ml.g5.xlarge
    scheduling: {policy: fair-share, proportions: {a: 3, b: 1, c: 2}, share_decay_seconds: 3600}
  reserved:
    capacity: 8
    instance_type: ml.g5.xlarge
    scheduling: {policy: fair-share, proportions: {a: 1, b: 1, c: 2}, compute_reservation: 20}
  wild:
    capacity: 8
    instance_type: ml.g5.xlarge
    scheduling: {policy: fair-share, proportions: {"a*": 3, b: 1}, compute_reservation: 10, share_decay_seconds: 1200}
  quota:
    capacity: {ml.g5.xlarge: 8, ml.p5.48xlarge: 4}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.g5.xlarge: 4, ml.p5.48xlarge: 2}, sharing: LEND_AND_BORROW, in_share_preemption: true}
        b: {capacity: {ml.g5.xlarge: 3, ml.p5.48xlarge: 2}, sharing: LEND_AND_BORROW}
        c: {capacity: {ml.g5.xlarge: 1}, sharing: RESERVE}
"""


@pytest.mark.parametrize("name", ["fifo", "fair", "reserved", "quota"])
@pytest.mark.parametrize("seed", range(2))
def test_with_known_run_times_the_engine_starts_the_jobs_when_the_queue_does(
    local_batch: LocalBatch, tmp_path: Path, name: str, seed: int
) -> None:
    check_starts(local_batch, tmp_path, name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fifo", "fair", "wild", "reserved", "quota"])
@pytest.mark.parametrize(
    "seed", [*range(2, 16), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(16, 30))]
)
def test_the_starts_are_exact_over_random_histories(
    local_batch: LocalBatch, tmp_path: Path, name: str, seed: int
) -> None:
    check_starts(local_batch, tmp_path, name, seed)


def check_starts(local_batch: LocalBatch, tmp_path: Path, name: str, seed: int) -> None:
    (tmp_path / "team.yaml").write_text(_FILE)
    local_batch.deploy(tmp_path / "team.yaml")
    calls = Calls(boto3.client("batch", region_name="us-east-1"))
    queue = read_queue(calls, name)
    runs = _submit_jobs(local_batch, queue, Random(seed))
    api, _ = find_queue(queue.arn)
    while any(job.is_stopping for job in jobs_of(api, api.batch.queues[queue.arn])):
        local_batch.advance(1)
    ended = [*list_jobs(calls, queue, ENDED)]
    holding, waiting = (
        [*describe_jobs(calls, queue, list_jobs(calls, queue, states))] for states in (HOLDING, WAITING)
    )
    assert len(waiting) > 10

    engine, ids, origin = build_live_engine(queue, [*ended, *holding], _now(local_batch), waiting=waiting)
    for job in (*holding, *waiting):
        engine.set_run(ids[job.id], runs[job.id])
    engine.advance()

    local_batch.advance(50_000)
    actual = {job.id: job.scheduled for job in list_jobs(calls, queue, ENDED)}
    starts = {engine.jobs.id(row): start for row, start in zip(engine.record.rows, engine.record.starts, strict=True)}
    predicted = {job.id: starts[ids[job.id]] + origin for job in waiting}
    assert predicted == {job.id: actual[job.id] for job in waiting}


def _submit_jobs(local_batch: LocalBatch, queue: Queue, random: Random) -> dict[str, int]:
    runs = {}
    for _ in range(40):
        unit, run = random.choice(["ml.g5.xlarge", "ml.p5.48xlarge"]), random.randint(30, 2000)
        shares = ["a1", "a2", "b"] if queue.name == "wild" else queue.shares
        share = random.choice(shares) if shares else ""
        if share == "c" or unit not in queue.units:
            unit = "ml.g5.xlarge"
        most = 1 if share == "c" and queue.name == "quota" else 2 if unit == "ml.p5.48xlarge" else 3
        size, priority = random.randint(1, most), random.randint(0, 3) if share else None
        job = local_batch.submit(
            queue.name, share=share, instances=size, instance_type=unit, run=run, priority=priority
        )
        runs[job.id] = run
        local_batch.advance(random.randint(1, 60))
    return runs


def _now(local_batch: LocalBatch) -> float:
    return local_batch._timeline.milliseconds / 1000
