"""Jobs as processes that misbehave, and inputs that are not there."""

import json
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fairlane_local import LocalAws, LocalAwsError
from fairlane_local.batch.jobs.containers import LOG_GROUP
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.processes import instance
from fairlane_local.processes.options import ProcessOptions
from tests.fairlane_local.processes.support import Here
from tests.fairlane_local.processes.test_training_jobs import bucket, channel, training_job

slow = pytest.mark.slow
STATUS_REASON = "Received status from SageMaker: "


def processes_with(text: str) -> list[str]:
    """Return the processes of this computer with a text in their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@slow
def test_a_script_that_ignores_sigterm_is_killed_after_the_notice(here: Here) -> None:
    script = "trap 'echo ignored' TERM; echo ready; while true; do sleep 0.05; done"
    job = here.train(script)
    here.until(lambda: job.status == "RUNNING" and "ready" in here.output())
    here.client("sagemaker").stop_training_job(TrainingJobName=job.attempt.resource.rpartition("/")[2])  # type: ignore[union-attr]
    here.ended(job)
    assert "ignored" in here.output()
    assert (job.status, job.reason) == ("FAILED", STATUS_REASON + "Stopped")
    assert training_job(here, job)["TrainingJobStatus"] == "Stopped"


@slow
def test_children_of_a_script_end_with_it(here: Here) -> None:
    job = here.train("for i in 1 2 3; do (setsid sleep 98765 &) ; done; sleep 0.1; pgrep -c sleep; exit 0")
    here.ended(job)
    assert job.status == "SUCCEEDED"
    assert processes_with("sleep 98765") == []


@slow
def test_a_script_that_fills_its_disk_gets_an_error(here: Here) -> None:
    job = here.train("dd if=/dev/zero of=/opt/ml/model/big bs=1M count=64 2>&1 | grep -o 'No space left.*'; exit 3")
    here.ended(job)
    assert here.output() == ["No space left on device"]
    assert job.reason == STATUS_REASON + "AlgorithmError: exit code: 3"


@slow
def test_a_script_that_exceeds_its_memory_is_killed(here: Here) -> None:
    job = here.container(["python3", "-c", "data = bytearray(300 << 20); input()"])
    here.ended(job)
    assert job.attempts[0].exit_code == 137
    assert job.attempts[0].container_reason == "OutOfMemoryError: Container killed due to memory usage"


@slow
@pytest.mark.parametrize("settings", [{"log_lines": 50}])
def test_a_log_stream_keeps_the_latest_lines(here: Here) -> None:
    job = here.container(["bash", "-c", "seq 1 200000; echo last"])
    assert here.ended(job).status == "SUCCEEDED"
    lines = here.output(LOG_GROUP)
    assert len(lines) == 50
    assert lines[-2:] == ["200000", "last"]
    assert lines[0] == "[The local AWS keeps 50 lines and 4 MiB; 199952 older lines are lost]"


@slow
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (channel("train", "s3://data/none/"), 'No S3 objects found under S3 URL "s3://data/none/"'),
        (channel("train", "s3://missing/in"), "the bucket missing does not exist"),
        (channel("train", "s3://data/in", source={"S3DataType": "ManifestFile"}), "only the S3DataType S3Prefix"),
        (channel("train", "s3://data/in", InputMode="Pipe"), "no input mode Pipe"),
        (channel("train", "s3://data/bad/"), "s3://data/bad/../../x is not a valid path"),
        (channel("train", "s3://data/large"), "No space left on device; each instance has 32 MiB"),
        (channel("train", "s3://data/in/", CompressionType="Gzip"), "failed: Not a gzipped file (b'1')"),
    ],
)
def test_a_channel_that_cannot_be_read_fails_the_job(here: Here, given: dict[str, Any], reason: str) -> None:
    s3 = bucket(here, in__a=b"1")
    s3.put_object(Bucket="data", Key="bad/../../x", Body=b"")
    s3.put_object(Bucket="data", Key="large", Body=bytes(40 << 20))
    job = here.train("true", InputDataConfig=[given])
    here.ended(job)
    assert job.status == "FAILED"
    assert reason in job.reason


@slow
@pytest.mark.parametrize("settings", [{"model_mib": 1}])
def test_a_model_over_the_limit_fails_the_job(here: Here) -> None:
    bucket(here)
    output = {"S3OutputPath": "s3://data/out"}
    job = here.train("head -c 2000000 /dev/urandom > /opt/ml/model/big", OutputDataConfig=output)
    here.ended(job)
    assert job.status == "FAILED"
    assert "model.tar.gz are larger than 1 MiB" in job.reason


@slow
@pytest.mark.parametrize("folder", ["model", "output", "checkpoints"])
def test_a_link_to_a_directory_of_the_host_fails_the_job(here: Here, tmp_path: Path, folder: str) -> None:
    s3 = bucket(here)
    secret = tmp_path / "secret"
    (secret / "data").mkdir(parents=True)
    for file in ("failure", "data/file"):
        (secret / file).write_text("secret")
    job = here.train(
        f"rm -r /opt/ml/{folder}; ln -s {secret} /opt/ml/{folder}",
        CheckpointConfig={"S3Uri": "s3://data/checkpoints"},
        OutputDataConfig={"S3OutputPath": "s3://data/out"},
    )
    here.ended(job)
    assert job.status == "FAILED"
    assert f"{folder} is a symbolic link or a file; the local AWS needs a directory" in job.reason
    keys = [key["Key"] for key in s3.list_objects_v2(Bucket="data").get("Contents", [])]
    assert [key for key in keys if not key.endswith("model.tar.gz")] == []


@slow
def test_an_image_without_a_directory_fails_the_job_and_says_which_option_to_give(here: Here) -> None:
    job = here.container(["true"], {"image": "1.dkr.ecr.us-east-1.amazonaws.com/other:2"})
    here.ended(job)
    assert (job.status, job.reason) == ("FAILED", "Task failed to start")
    assert "start the local AWS with --image other=DIR" in job.attempts[0].container_reason


@slow
def test_an_image_whose_directory_was_deleted_fails_the_job(here: Here, image: Path) -> None:
    image.rmdir()
    job = here.train("true")
    here.ended(job)
    assert f"CannotPullContainerError: the directory {image}, which stands for the image, does not" in job.reason
    assert "--jobs simulated" not in job.reason


@slow
def test_a_command_that_does_not_exist_fails_with_127(here: Here) -> None:
    job = here.container(["nonsense"])
    here.ended(job)
    assert job.attempts[0].exit_code == 127
    assert here.output(LOG_GROUP) == ["nonsense: No such file or directory"]


@slow
@pytest.mark.parametrize(
    ("variable", "reason"),
    [({"name": "A=B", "value": "1"}, "illegal environment variable name"), ({"name": "A", "value": "\0"}, "null byte")],
)
def test_a_variable_that_no_process_can_have_fails_with_127(here: Here, variable: dict[str, str], reason: str) -> None:
    job = here.container(["true"], {"environment": [variable]})
    here.ended(job)
    assert job.attempts[0].exit_code == 127
    (line,) = here.output(LOG_GROUP)
    assert reason in line


@slow
def test_a_hyperparameter_whose_name_is_no_variable_is_left_out(here: Here) -> None:
    job = here.train("env | grep -a ^SM_HP_", HyperParameters={"a=b": "1", "learning-rate": "2"})
    here.ended(job)
    assert here.output() == ["SM_HP_LEARNING-RATE=2"]


@slow
def test_a_signal_that_comes_with_the_command_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    process = instance.Instance("host", {}, None, 16)
    try:
        sent: list[bytes] = []
        monkeypatch.setattr(process, "_send", lambda **message: sent.append(json.dumps(message).encode() + b"\n"))
        process.run(["sleep", "60"], {}, memory_mib=16, is_init=True)
        process.signal(signal.SIGTERM)
        process.control.sendall(b"".join(sent))
        assert process.end()["exit_code"] == 128 + signal.SIGTERM
    finally:
        process.close()


@slow
def test_the_end_of_the_server_ends_all_processes(here: Here) -> None:
    job = here.container(["sleep", "87654"])
    here.until(lambda: processes_with("sleep 87654"))
    here.aws.__exit__(None, None, None)
    assert processes_with("sleep 87654") == []
    assert not job.has_ended


def test_a_directory_of_an_image_must_exist(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match=r"--image a=/none: the directory does not exist; use --image NAME=DIR"):
        ProcessOptions(images={"a": "/none"})
    (tmp_path / "root").symlink_to("/")
    for directory in ("/", tmp_path / "root"):
        with pytest.raises(LocalAwsError, match=f"--image a={directory}: the root directory cannot stand for an image"):
            ProcessOptions(images={"a": str(directory)})
    with pytest.raises(LocalAwsError, match="processes: got 0, allowed: 1 or more"):
        ProcessOptions(images={"a": str(tmp_path)}, processes=0)


@pytest.mark.parametrize("speed", [None, 60.0])
def test_processes_need_the_real_clock(speed: float | None) -> None:
    with pytest.raises(LocalAwsError, match="only on the real clock: leave out --speed and --clock manual"):
        LocalAws(clock=Clock(speed), options=JobOptions(processes=ProcessOptions()))


def test_without_namespaces_the_server_offers_simulated_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import os, socket; s = socket.socket(fileno=0); s.recv(9999)\n"
        's.sendall(b\'{"error": "[Errno 1] unshare: Operation not permitted"}\\n\')\n'
    )
    monkeypatch.setattr(instance, "_LAUNCHER", tmp_path)
    message = r"jobs cannot run as processes here: \[Errno 1\] unshare: Operation not permitted; use --jobs simulated"
    with pytest.raises(LocalAwsError, match=message):
        LocalAws(options=JobOptions(processes=ProcessOptions()))


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(LocalAwsError, match="Darwin has no namespaces"):
        instance.check_namespaces()


def test_a_user_without_namespaces_gets_the_error_of_the_kernel() -> None:
    """Run the launcher where a new user namespace is not allowed: below one without a place for another."""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    code = "from fairlane_local.processes.instance import check_namespaces; check_namespaces()"
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script, "-", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "jobs cannot run as processes here" in done.stderr
