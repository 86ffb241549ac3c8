"""Fixture `local_batch` in tests of a user."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from fairlane_local.testing import plugin
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

IMPORTS = "from fairlane.scheduler import hours, minutes\n"
EXAMPLE = """
def test_production_takes_its_instances_back(local_batch):       # a pytest plugin; manual clock
    local_batch.deploy("environments/example.yaml")
    sweep = local_batch.submit("training-p4", share="ProdExp2", instances=60, run=hours(9))
    local_batch.advance(minutes(1))
    local_batch.submit("training-p4", share="ProdExp1", instances=60, run=hours(1))
    local_batch.advance(minutes(1))
    assert sweep.status == "RUNNABLE" and sweep.preemptions == 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a folder of tests with the example environment, where pytest loads no other plugin by its entry point."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.mkdir("environments")
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (pytester.path / "environments" / "example.yaml").write_text(example)
    return pytester


def run(project: pytest.Pytester, text: str) -> pytest.RunResult:
    project.makepyfile(IMPORTS + text)
    return project.runpytest_inprocess("-p", plugin.__name__)


def test_the_example_of_the_documentation_passes(project: pytest.Pytester) -> None:
    run(project, EXAMPLE).assert_outcomes(passed=1)


def test_each_test_has_its_own_local_aws_and_restores_the_environment_variables(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    before = dict(os.environ)
    text = """
import boto3, os, pytest

@pytest.mark.parametrize("number", [1, 2])
def test_code(local_batch, number):
    assert "AWS_PROFILE" not in os.environ
    assert local_batch.now == 0
    assert local_batch.events() == []
    assert boto3.client("batch").describe_job_queues()["jobQueues"] == []
    local_batch.deploy("environments/example.yaml")
    request = {"jobQueue": "cpu", "jobName": "etl", "serviceJobType": "SAGEMAKER_TRAINING"}
    payload = '{"ResourceConfig": {"InstanceCount": 1}}'
    boto3.client("batch").submit_service_job(serviceRequestPayload=payload, **request)
    assert [job.name for job in local_batch.jobs("cpu")] == ["etl"]
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
"""
    run(project, text).assert_outcomes(passed=2)
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
    assert boto3.DEFAULT_SESSION is None


def test_the_local_aws_writes_no_file(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    state = project.path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    run(project, EXAMPLE).assert_outcomes(passed=1)
    assert not state.exists()


def test_processes_run_tests_at_the_same_time(project: pytest.Pytester) -> None:
    """Run the tests as pytest-xdist does, in several processes."""
    project.makepyfile(IMPORTS + EXAMPLE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin.__name__]
    workers = [subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        output = worker.communicate()[0]
        assert worker.returncode == 0, output


def test_the_plugin_loads_the_local_aws_only_for_the_fixture() -> None:
    code = f"""
import sys
import {plugin.__name__}
sys.exit(sorted({{"aws_cdk", "boto3", "jsii", "moto", "pydantic", "werkzeug"}} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_fails_the_test_with_its_remedy(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fairlane_local.testing.local_batch", None)
    result = run(project, "def test_code(local_batch): pass")
    result.stdout.fnmatch_lines(['*install the extra: pip install "fairlane?local?"*'])
    result.assert_outcomes(errors=1)


def test_a_relative_path_starts_at_the_root_directory_of_pytest(project: pytest.Pytester) -> None:
    project.makeini("[pytest]")
    project.mkdir("folder")
    text = "import os\ndef test_code(local_batch): local_batch.deploy('environments/example.yaml')"
    path = project.makepyfile(text)
    (Path(project.path) / "folder").joinpath("test_moved.py").write_text(path.read_text())
    path.unlink()
    os.chdir(project.path / "folder")
    project.runpytest_inprocess("-p", plugin.__name__).assert_outcomes(passed=1)


def test_the_entry_point_names_the_plugin() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    assert f'[project.entry-points.pytest11]\nfairlane = "{plugin.__name__}"' in text
