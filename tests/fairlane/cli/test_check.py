"""Command `fairlane check`: output, exit codes and bad input."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane.cli import check, main
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.checks.world import container_job, payload, service_job, write_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working directory with the environment file and a valid submission."""
    write_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    _write(service_job())
    return tmp_path


def _write(value: object) -> None:
    Path("job.json").write_text(json.dumps(value))


def _run(*options: str, queue: str = "quota", file: str = "job.json") -> int:
    return main(["check", file, "--queue", queue, *options])


OFFLINE = ("-c", "environment=team")


def test_a_valid_submission_passes_without_aws(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*OFFLINE) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("job.json: no problems: quota can run the job\n", "")


def test_the_mistakes_are_grouped_by_the_moment_at_which_they_show(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = payload(RoleArn="role", ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1})
    _write(service_job(jobName="a b", serviceRequestPayload=json.dumps(training)))
    assert _run(*OFFLINE) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "job.json: 3 problems"
    assert [line for line in err.splitlines() if line.endswith(":")] == [
        "AWS Batch refuses the submission:",
        "SageMaker refuses the training job when it starts:",
        "the job cannot start in quota:",
    ]


def test_options_replace_the_share_and_the_priority(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*OFFLINE, "--share", "nope", "--priority", "10000") == 1
    err = capsys.readouterr().err
    assert "schedulingPriority: got 10000" in err
    assert "quotaShareName: got 'nope', allowed: a quota share of the queue: a, b, c, closed" in err


def test_warnings_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write({name: value for name, value in payload().items() if name != "CheckpointConfig"})
    assert _run(*OFFLINE, "--share", "a") == 0
    out, err = capsys.readouterr()
    assert out.startswith("job.json: no problems")
    assert err.startswith("warning (no-checkpoint): a borrows instances")


def test_json_has_the_problems_and_the_warnings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write({name: value for name, value in payload().items() if name not in ("CheckpointConfig", "RoleArn")})
    assert _run(*OFFLINE, "--share", "a", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    (problem,) = answer["problems"]
    assert (problem["stage"], problem["field"]) == ("TRAINING", "RoleArn")
    assert problem["text"].startswith("missing; use text of 20 to 2,048 characters")
    assert [warning["id"] for warning in answer["warnings"]] == ["no-checkpoint"]


def test_the_queue_and_the_definition_are_read_from_aws(
    folder: Path, local_batch: LocalBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local_batch.deploy(folder / "environments" / "team.yaml")
    assert _run() == 0
    _write(container_job(jobDefinition="train:4"))
    assert _run(queue="gpu") == 1
    assert "jobDefinition: got 'train:4', allowed: an active job definition" in capsys.readouterr().err
    assert _run(queue="nope") == 1
    assert "no queue nope; the queues of this account and Region: " in capsys.readouterr().err


def test_the_definition_of_the_file_is_compared_with_the_queue(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(container_job(jobDefinition="huge", containerOverrides={}))
    assert _run(*OFFLINE, queue="gpu") == 1
    assert "the job needs 8 GPUs, 8 vCPUs and 4096 MiB" in capsys.readouterr().err
    _write(container_job(jobDefinition="other"))
    assert _run(*OFFLINE, queue="gpu") == 0
    assert "warning (definition-not-read): the environment file has no job definition other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "message", "code"),
    [
        ("{", OFFLINE, "job.json: 1 problem\n  - no valid JSON", 2),
        ("[]", OFFLINE, "got 'list', allowed: an object with the members of SubmitServiceJob", 2),
        ("{}", OFFLINE, "job.json: 1 problem\n  - got 'no member'", 2),
        ('{"jobName": "a"}', OFFLINE, "job.json: 1 problem\n  - got 'jobName'", 2),
        ("", ("-c", "environment=nope"), "nope", 2),
        ("", ("-c", "nope"), "environment=NAME", 2),
    ],
)
def test_bad_input(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, options: tuple[str, ...], message: str, code: int
) -> None:
    if text:
        Path("job.json").write_text(text)
    assert _run(*options) == code
    assert message in capsys.readouterr().err


def test_a_missing_file_queue_or_kind_of_queue(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*OFFLINE, file="none.json") == 1
    assert "none.json: No such file or directory" in capsys.readouterr().err
    assert _run(*OFFLINE, queue="nope") == 2
    assert "a queue of the file: " in capsys.readouterr().err
    _write(service_job(jobQueue="gpu"))
    assert _run(*OFFLINE, queue="gpu") == 1
    assert "gpu is a queue for containers and accepts SubmitJob only" in capsys.readouterr().err


class _Failing:
    def __init__(self, code: str) -> None:
        self._code = code

    def describe_job_queues(self, **request: Any) -> None:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "DescribeJobQueues")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "fairlane: no permission for batch:DescribeJobQueues: queue.grants.observe"),
        ("TooManyRequestsException", "fairlane: batch:DescribeJobQueues failed 6 times: TooManyRequestsException"),
    ],
)
def test_refused_and_throttled_calls_name_the_action(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str, message: str
) -> None:
    monkeypatch.setattr(check, "open_calls", lambda: Calls(_Failing(code), Clock(sleep=lambda seconds: None)))
    assert _run() == 1
    assert message in capsys.readouterr().err
