"""Test of the example on the page about state machines, from the CDK app to the end of its jobs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fairlane_local import LocalAws, client, tools_environment
from fairlane_local.clock import Clock
from tests.support import CDK, REPOSITORY, recommended_flags

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "state-machines-on-localhost.md").read_text()


def deploy(aws: LocalAws, directory: Path, code: str) -> None:
    (directory / "app.py").write_text(code)
    (directory / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py", "context": recommended_flags()}))
    process = subprocess.run(
        [CDK, "deploy", "--all", "--require-approval", "never"],
        cwd=directory,
        env=tools_environment(aws.endpoint_url) | {"AWS_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..CDK..Metadata:UserWarning")
def test_the_example_follows_its_jobs_to_their_end(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (name,) = re.findall(r"^\$ ARN=(.*)$", PAGE, re.MULTILINE)
    given = {"lines": [{"name": f"line-{number}"} for number in range(12)]}
    with LocalAws(clock=Clock(None)) as aws:
        deploy(aws, tmp_path, code)
        states = client("stepfunctions", aws.port, "123456789012", "us-east-1")
        arn = states.start_execution(stateMachineArn=name, input=json.dumps(given))["executionArn"]
        aws.timeline.advance(3600)
        description = states.describe_execution(executionArn=arn)
        assert description["status"] == "SUCCEEDED", description
        assert [line["JobName"] for line in json.loads(description["output"])] == [f"line-{n}" for n in range(12)]
