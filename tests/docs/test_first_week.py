"""Files, commands and outputs on the page about the first week."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App

from fairlane import ConfigurationError
from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane_local import LocalAws, tools_environment
from fairlane_stacks import build_stacks
from tests.support import CDK, REPOSITORY, recommended_flags

FILES = REPOSITORY / "docs" / "examples" / "first-week"
PAGE = (REPOSITORY / "docs" / "first-week.md").read_text()
NAMES = ("dev", "prod", "staging")
COMMANDS = [
    (shlex.split(command.partition("\n")[0]), command.partition("\n")[2])
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command in re.split(r"^ *\$ ", re.sub(r"\\\n", " ", block), flags=re.MULTILINE)[1:]
]


def commands(*start: str) -> list[tuple[list[str], str]]:
    """Return the arguments after `fairlane` and the shown output of the commands of the page that start so."""
    found = [(command[1:], output) for command, output in COMMANDS if command[: len(start)] == list(start)]
    assert found, start
    return found


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the app of the page, with the files of day 2."""
    monkeypatch.chdir(tmp_path)
    ((arguments, _),) = commands("fairlane", "init")
    assert main(arguments) == 0
    folder = tmp_path / arguments[-1]
    monkeypatch.chdir(folder)
    for file in FILES.glob("*.yaml"):
        (folder / "environments" / file.name).write_text(file.read_text())
    return folder


def test_the_page_shows_the_files() -> None:
    shown = re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)
    assert shown == [(FILES / name).read_text() for name in ("base.yaml", "dev.yaml", "prod.yaml")]
    assert "(examples/first-week/staging.yaml)" in PAGE


def test_the_environments_are_listed_shown_and_locked(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for start in ("list", "show", "lock"):
        arguments, printed = commands("fairlane", "environment", start)[0]
        capsys.readouterr()
        assert main(arguments) == 0
        assert not printed.strip() or capsys.readouterr().out == printed
    assert {file.stem for file in (app / "environments").glob("*.lock")} == set(NAMES)
    assert main(["environment", "lock", "--check"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_environment_synthesizes_without_warnings(app: Path, name: str) -> None:
    cdk_app = App(context=recommended_flags(), outdir=str(app / "cdk.out"))
    build_stacks(cdk_app, name, load_environment(app / "environments" / f"{name}.yaml"))
    stacks = cdk_app.synth().stacks
    assert {stack.environment.region for stack in stacks} == {"us-east-1", "eu-west-1"}
    assert [message.entry.data for stack in stacks for message in stack.messages] == []


def test_the_subnet_of_day_three_is_refused(app: Path) -> None:
    (subnet,) = re.findall(r"write `(subnet-\w+)` in the compute environment `p5`", PAGE)
    path = app / "environments" / "prod.yaml"
    path.write_text(path.read_text().replace("subnet_ids: [subnet-0ccccccccccccccc2]", f"subnet_ids: [{subnet}]"))
    with pytest.raises(ConfigurationError, match=f"compute_environments.p5.subnet_ids.*{subnet}"):
        load_environment(path)


def test_the_shares_are_rehearsed(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ((trace, printed),) = commands("fairlane", "trace")
    assert main(trace) == 0
    assert capsys.readouterr().out == printed
    ((rehearsal, _),) = commands("fairlane", "rehearse")
    assert main(rehearsal) == 0
    assert "with fifo" in capsys.readouterr().out


def test_a_renamed_queue_is_refused_and_replaced_in_two_steps(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = app / "environments" / "prod.yaml"
    assert main(["environment", "lock"]) == 0
    text = path.read_text()
    path.write_text(text.replace("  multi-node:", "  p5-multi-node:"))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    (error,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert str(raised.value).replace(str(path), "environments/prod.yaml") + "\n" == error
    queue = "    compute_environments: [p5]\n    scheduling: {policy: fifo}\n"
    new = f"  p5-multi-node:\n{queue}"
    old = f"  multi-node:\n{queue}"
    assert old in text
    for step in (text.replace(old, f"{old}    state: draining\n{new}"), text.replace(old, new)):
        path.write_text(step)
        assert main(["environment", "lock", "prod"]) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tried to parse AWS..CDK..Metadata:UserWarning")
def test_the_first_job_runs_on_the_local_aws(app: Path) -> None:
    (((*_, account), _),) = commands("fairlane", "local", "start")
    assert account == load_environment(app / "environments" / "dev.yaml").account
    regions = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    (script,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    (app / "submit.py").write_text(script)
    deploy = next(command for command, _ in COMMANDS if "--outputs-file" in command)
    (output,) = [output for command, output in COMMANDS if command == ["python", "submit.py"]]
    with LocalAws() as aws:
        environment = tools_environment(aws.endpoint_url, account) | regions
        options = ["--app", f"{sys.executable} app.py"]
        for command in ([str(CDK), *deploy[2:], *options], [sys.executable, "submit.py"]):
            process = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
            assert process.returncode == 0, process.stdout + process.stderr
        assert process.stdout == output
