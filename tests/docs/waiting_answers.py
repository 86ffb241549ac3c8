"""Answers of `fairlane explain` on the page about waiting jobs. Written by `python -m tests.docs.waiting_answers`."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

import pytest

import fairlane_client.explain.explanations  # noqa: F401 (the answers replace its time)
from fairlane.cli import main
from fairlane_local.testing.local_batch import LocalBatch, start_local_batch
from tests.support import REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "why-is-my-job-waiting.md"
_BLOCK: Final = re.compile(r"(<!-- answer: (\S+) -->\n+```text\n)(.*?)(```)", re.DOTALL)
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE: Final = """
region: us-east-1
network: {}
compute_environments:
  first: {instance_types: [g5.xlarge], max_gpus: 6}
  second: {instance_types: [g5.xlarge], max_gpus: 6}
queues:
  training-p5:
    capacity: {ml.p5.48xlarge: 16}
    scheduling:
      policy: quota-management
      shares:
        ProdExp1: {capacity: {ml.p5.48xlarge: 8}, sharing: LEND_AND_BORROW}
        ProdExp2: {capacity: {ml.p5.48xlarge: 8}, sharing: LEND_AND_BORROW}
  training-p4:
    capacity: 16
    scheduling: {policy: fair-share, proportions: {vision: 1, language: 1, speech: 2}}
  containers: {compute_environments: [first, second], scheduling: {policy: fifo}}
"""


@cache
def answers() -> dict[str, str]:
    """Return an answer for each reason, and one about a preempted job, by name."""
    return dict(_answers())


def _answers() -> Iterator[tuple[str, str]]:
    for scenario in (_fair, _lent, _borrowed, _retried, _containers):
        with (
            TemporaryDirectory() as directory,
            pytest.MonkeyPatch.context() as patch,
            start_local_batch(Path(directory), patch) as batch,
        ):
            (Path(directory) / "team.yaml").write_text(_FILE)
            batch.deploy("team.yaml")
            yield from scenario(batch, patch)


def explained(batch: LocalBatch, patch: pytest.MonkeyPatch, queue: str, job: str, *options: str) -> str:
    """Return the output of the command at the time of the local AWS, with one id for all jobs."""
    now = batch._timeline.milliseconds / 1000
    patch.setattr("fairlane_client.explain.explanations.time", SimpleNamespace(time=lambda: now))
    with redirect_stdout(StringIO()) as output:
        assert main(["explain", job, "--queue", queue, *options]) == 0
    return _ID.sub("8c1f27d4-5b1e-4c55-9f0e-2d6a1b7c3e90", output.getvalue())


def _fair(batch: LocalBatch, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    batch.submit("training-p4", share="vision", instances=12, run=9000, priority=1, name="resnet")
    batch.advance(600)
    batch.submit("training-p4", share="language", instances=8, run=9000, priority=1, name="bert-large")
    batch.advance(240)
    batch.submit("training-p4", share="language", instances=6, run=9000, priority=1, name="bert-base")
    batch.submit("training-p4", share="vision", instances=6, run=9000, priority=1, name="vit")
    batch.submit("training-p4", share="speech", instances=2, run=9000, priority=1, name="whisper-tiny")
    batch.submit("training-p4", share="speech", instances=20, run=9000, priority=1, name="whisper-xl")
    batch.advance(900)
    yield "capacity-full", explained(batch, patch, "training-p4", "bert-base")
    yield "share-above-entitlement", explained(batch, patch, "training-p4", "vit")
    yield "cannot-fit", explained(batch, patch, "training-p4", "whisper-xl")
    batch.submit("training-p4", share="language", instances=2, run=9000, priority=0, name="bert-tiny")
    batch.advance(60)
    yield "head-blocked", explained(batch, patch, "training-p4", "bert-tiny")
    environment = "training-p4"
    batch.client("batch").update_service_environment(serviceEnvironment=environment, state="DISABLED")
    batch.advance(60)
    yield "disabled", explained(batch, patch, "training-p4", "bert-base")


def _lent(batch: LocalBatch, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    batch.submit("training-p5", share="ProdExp1", instances=8, run=90_000, priority=1, name="own")
    batch.advance(60)
    batch.submit("training-p5", share="ProdExp1", instances=4, run=90_000, priority=1, name="borrower-1")
    batch.submit("training-p5", share="ProdExp1", instances=4, run=90_000, priority=1, name="borrower-2")
    batch.advance(5400)
    batch.submit("training-p5", share="ProdExp2", instances=4, run=90_000, priority=5, name="evaluation")
    batch.advance(5)
    yield "starts-next", explained(batch, patch, "training-p5", "evaluation")
    batch.advance(1200)
    yield "preempted", explained(batch, patch, "training-p5", "borrower-2")


def _borrowed(batch: LocalBatch, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    batch.submit("training-p5", share="ProdExp1", instances=8, run=90_000, priority=1, name="own")
    batch.submit("training-p5", share="ProdExp2", instances=6, run=90_000, priority=1, name="other")
    batch.advance(60)
    batch.submit("training-p5", share="ProdExp1", instances=4, run=90_000, priority=1, name="finetune")
    batch.advance(3600)
    yield "share-above-quota", explained(batch, patch, "training-p5", "finetune")


def _retried(batch: LocalBatch, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    client: Any = batch.client("batch")
    client.submit_service_job(
        jobName="unstable",
        jobQueue="training-p4",
        serviceJobType="SAGEMAKER_TRAINING",
        serviceRequestPayload='{"ResourceConfig": {"InstanceCount": 2, "InstanceType": "ml.p4d.24xlarge"}}',
        shareIdentifier="vision",
        schedulingPriority=1,
        retryStrategy={"attempts": 3},
        tags={"fairlane:run-seconds": "300", "fairlane:fails": "InternalServerError: try again"},
    )
    batch.advance(60)
    client.update_service_environment(serviceEnvironment="training-p4", state="DISABLED")
    batch.advance(300)
    client.update_service_environment(serviceEnvironment="training-p4", state="ENABLED")
    yield "retry-back-off", explained(batch, patch, "training-p4", "unstable")


def _containers(batch: LocalBatch, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    client: Any = batch.client("batch")
    container = {
        "image": "train",
        "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8"}],
    }
    client.register_job_definition(jobDefinitionName="train", type="container", containerProperties=container)

    def submit(name: str, vcpus: int, **more: Any) -> str:
        needs = {"resourceRequirements": [{"type": "VCPU", "value": str(vcpus)}]}
        job = client.submit_job(
            jobName=name,
            jobQueue="containers",
            jobDefinition="train",
            containerOverrides=needs,
            tags={"fairlane:run-seconds": "9000"},
            **more,
        )
        return str(job["jobId"])

    first = submit("prepare", 16)
    batch.advance(60)
    submit("train", 4, dependsOn=[{"jobId": first}])
    batch.advance(60)
    yield "dependency", explained(batch, patch, "containers", "train")
    submit("second", 16)
    batch.advance(60)
    submit("large", 12)
    batch.advance(1200)
    yield "unknown", explained(batch, patch, "containers", "large")


def page(text: str) -> str:
    """Return the page with the answers of today."""
    found = answers()
    return _BLOCK.sub(lambda block: f"{block[1]}{found[block[2]]}{block[4]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
