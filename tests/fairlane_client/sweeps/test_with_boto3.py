"""Sweeps with boto3's own S3 and SSM clients, and with the runs of `fairlane_run`."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fairlane import ConfigurationError
from fairlane_client.sweeps import Clock, Sweep
from fairlane_client.sweeps.stores import find_store
from fairlane_run import run
from fairlane_run.objects import Objects
from fairlane_run.settings import read_settings
from tests.fairlane_client.sweeps.world import World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}


class Session:
    """Session of boto3 with a simulated AWS Batch."""

    def __init__(self, world: World) -> None:
        self.world = world

    def client(self, service_name: str, **options: Any) -> Any:
        if service_name == "batch":
            return self.world.batch
        return boto3.client(service_name, **({"region_name": "us-east-1"} | options))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        session = Session(World())
        session.client("s3").create_bucket(Bucket="search-store")
        value = json.dumps({"bucket": "search-store", "region": "us-east-1"})
        session.client("ssm").put_parameter(Name="/fairlane/sweep-store/search", Type="String", Value=value)
        yield session


def test_a_store_of_stacks_with_a_prefix_is_found(session: Session) -> None:
    name = "/fairlane/sweep-store/ACME-ml/search"
    session.client("ssm").put_parameter(Name=name, Type="String", Value=json.dumps({"bucket": "theirs"}))
    assert find_store("ACME-ml/search", session).bucket == "theirs"
    assert find_store("search", session).bucket == "search-store"
    for wrong in ("acme-/search", "a/b/search", "/search"):
        with pytest.raises(ConfigurationError, match="or PREFIX/NAME"):
            find_store(wrong, session)


def test_runs_of_a_sweep_make_its_leaderboard(session: Session) -> None:
    space = {"x": [1, 0.5, -2], "name": ["é", "b"], "deep": [True]}
    clock = Clock(lambda: session.world.now, session.world.sleep)
    sweep = Sweep("lr", store="search", space=space, metric="accuracy", session=session, clock=clock)
    sweep.submit(**ARRAY)
    sweep.submit(**ARRAY)
    (job,) = session.world.batch.jobs
    (variable,) = job["request"]["containerOverrides"]["environment"]
    for line in range(5):
        environment = {variable["name"]: variable["value"], "AWS_BATCH_JOB_ARRAY_INDEX": str(line)}
        with run(Objects("search-store", session.client("s3")), read_settings(environment)) as this:
            this.finish(accuracy=this.parameters["x"] if this.parameters["name"] == "é" else 0)
    board = sweep.leaderboard()
    assert [(result["index"], result["value"]) for result in board] == [(0, 1), (2, 0.5), (1, 0), (3, 0), (4, -2)]
    assert board[0]["parameters"] == {"x": 1, "name": "é", "deep": True}
    assert Counter(row["state"] for row in board.rows()) == {"SUCCEEDED": 5}
    assert len(Sweep.open("search", "lr", session=session, clock=clock).leaderboard()) == 5


def test_a_refused_claim_is_free_and_a_stopped_sweep_goes_on(session: Session) -> None:
    clock = Clock(lambda: session.world.now, session.world.sleep)
    sweep = Sweep("lr", store="search", space={"x": [1, 2]}, metric="accuracy", session=session, clock=clock)
    session.world.batch.refusal = "no"
    with pytest.raises(Exception, match="no"):
        sweep.submit(**ARRAY)
    session.world.batch.refusal = None
    sweep.submit(**ARRAY)
    sweep.stop()
    assert sweep.advance() == 0
    session.world.now += 100
    assert sweep.resume() == 2
    assert session.world.batch.names() == {"lr-0000": 1, "lr-0001": 1}
