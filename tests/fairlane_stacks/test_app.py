"""The CDK app: `cdk synth` with the pinned CLI, without credentials and network, and `app.py` by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairlane_stacks import exit_on_mistakes
from tests.support import CDK, REPOSITORY, without_network


def synth(output: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return subprocess.run(
        [*without_network(), str(CDK), "synth", "--quiet", "--output", str(output), *arguments],
        cwd=REPOSITORY,
        env=environment | {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(output.parent), "CI": "true"} | changes,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_synth_works_without_credentials_and_network_and_passes_the_built_in_validation(tmp_path: Path) -> None:
    done = synth(tmp_path / "out", "-c", "environment=example", CDK_VALIDATION="true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "fairlane-example-training.template.json").exists()
    report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
    assert report["pluginReports"] == []


INSECURE = """
broken = cdk.Stack(app, "Broken")
cdk.aws_s3.CfnBucket(broken, "Bucket")
cdk.aws_batch.CfnJobQueue(broken, "Queue", priority=5000)
app.synth()
"""


@pytest.mark.slow
def test_cdk_nag_and_the_built_in_validation_fail_an_insecure_synth() -> None:
    source = (REPOSITORY / "app.py").read_text()
    before, synth, _ = source.partition("\n    synthesize(app, stacks, sys.argv[1:])")
    assert synth
    done = subprocess.run(
        [sys.executable, "-c", before.replace("__file__", repr("app.py")) + INSECURE],
        cwd=REPOSITORY,
        env=os.environ | {"CDK_CONTEXT_JSON": json.dumps({"environment": "example"}), "CDK_VALIDATION": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "AwsSolutions-S1" in done.stdout + done.stderr
    assert "5000" in done.stdout + done.stderr


def app(*arguments: str, context: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("context", "message"),
    [({}, "missing; use example"), ({"environment": "prod"}, "got 'prod', allowed: example")],
)
def test_without_a_valid_environment_the_app_stops_and_lists_all_environments(
    context: dict[str, str], message: str
) -> None:
    done = app(context=context)
    assert done.returncode == 1
    assert "-c environment=NAME" in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


TEMPLATE = REPOSITORY / "constructs" / "fairlane" / "cli" / "app_template" / "app_py.txt"


@pytest.mark.parametrize("file", [REPOSITORY / "app.py", TEMPLATE], ids=["app", "template"])
@pytest.mark.parametrize("cause", ["full", "missing"])
def test_a_temporary_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path, file: Path, cause: str) -> None:
    """A limit on the size of files stands for a full directory: the runtime of jsii does not fit into either."""
    directory = tmp_path if cause == "full" else tmp_path / "missing"
    limit = ["sh", "-c", 'ulimit -f 500; exec "$@"', "sh"] if cause == "full" else []
    environment = os.environ | {"TMPDIR": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*limit, sys.executable, str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"fairlane: cannot write to the temporary directory {directory}: ")
    assert line.endswith("; free space, or set TMPDIR to another directory")


def test_a_full_disk_during_the_synth_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match="set TMPDIR to another directory"), exit_on_mistakes():
        raise RuntimeError("Error: ENOSPC: no space left on device, write")
    with pytest.raises(RuntimeError, match="another error"), exit_on_mistakes():
        raise RuntimeError("another error")
