"""The wheel in a new virtual environment outside the repository, with its declared dependencies only."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support import CDK, REPOSITORY

PACKAGES = {"fairlane", "fairlane_client", "fairlane_lambda", "fairlane_local", "fairlane_run", "fairlane_stacks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new virtual environment with the wheel and its extra `cdk`."""
    return install(wheel, tmp_path_factory.mktemp("fresh") / "venv", extra="cdk")


@pytest.fixture(scope="module")
def python_without_cdk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new virtual environment with the wheel, without extras."""
    return install(wheel, tmp_path_factory.mktemp("light") / "venv", extra="")


def install(wheel: Path, home: Path, *, extra: str) -> Path:
    """Install the wheel, with links to the installed versions of its dependencies, and return the Python."""
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (metadata,) = site.glob("fairlane-*.dist-info/METADATA")
    requirements = re.findall(r"^Requires-Dist: (.*)$", metadata.read_text(), re.MULTILINE)
    for name in dependencies(requirements, extra):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return home / "bin" / "python"


def dependencies(lines: list[str], extra: str) -> set[str]:
    """Return the names of all direct and indirect dependencies."""
    names: set[str] = set()
    requirements = [Requirement(line) for line in lines]
    todo = [item for item in requirements if not item.marker or item.marker.evaluate({"extra": extra})]
    for requirement in todo:
        requirement.marker = None
    while todo:
        requirement = todo.pop()
        if (requirement.marker and not requirement.marker.evaluate({"extra": ""})) or requirement.name in names:
            continue
        names.add(requirement.name)
        todo += [Requirement(line) for line in distribution(requirement.name).requires or []]
    return names


def test_the_wheel_contains_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {"fairlane_lambda/metrics.json", "fairlane_lambda/gpus.json"} < set(names)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert "fairlane/catalog/training_instance_types.txt" in names
    assert {f"fairlane_local/page/{name}" for name in ("page.css", "page.html", "page.js", "render.js")} < set(names)
    assert "fairlane/_charts/colors.css" in names
    assert {f"fairlane_client/{package}/report.html.j2" for package in ("fan_out", "sweeps")} <= {*names}
    assert "fairlane_client/verify/template.json" in names
    assert not [name for name in names if "__pycache__" in name or "/test_" in name or "tests/" in name]


def run(python: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=environment | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_wheel_synthesizes_a_queue_outside_the_repository(fresh_python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import aws_cdk as cdk\n"
        "import fairlane\n"
        "app = cdk.App(outdir='out')\n"
        "stack = cdk.Stack(app, 'Stack')\n"
        "fairlane.TrainingQueue(stack, 'Queue', queue_name='q', capacity=1, scheduling=fairlane.Fifo())\n"
        "app.synth()\n"
        "print(fairlane.__file__)\n"
    )
    location = run(fresh_python, tmp_path, str(fresh_python), "app.py").stdout.strip()
    assert Path(location).is_relative_to(fresh_python.parents[1])
    assert "AWS::Batch::JobQueue" in (tmp_path / "out" / "Stack.template.json").read_text()


@pytest.mark.slow
def test_the_readme_example_pasted_into_an_empty_cdk_app_synthesizes(fresh_python: Path, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert example is not None
    assert len([line for line in example[1].splitlines() if line.strip()]) <= 15
    project = tmp_path / "project"
    project.mkdir()
    run(fresh_python, project, str(CDK), "init", "app", "--language", "python", "--generate-only")
    (project / "app.py").write_text(example[1])
    run(fresh_python, project, str(CDK), "synth", "--quiet")
    template = (project / "cdk.out" / "Training.template.json").read_text()
    assert template.count('"AWS::Batch::QuotaShare"') == 2
    shutil.rmtree(project)


NEEDS = 'needs aws-cdk-lib 2.275 or later, which is not installed: pip install --upgrade "fairlane[cdk]"'


@pytest.mark.parametrize(
    "name", ["fairlane.TrainingQueue", "fairlane.monitoring.QueueAlarms", "fairlane_stacks.build_stacks"]
)
def test_without_the_cdk_a_construct_is_refused_with_the_command_to_run(
    python_without_cdk: Path, tmp_path: Path, name: str
) -> None:
    package, _, last = name.rpartition(".")
    for code in (f"from {package} import {last}", f"import {package}; {name}"):
        done = subprocess.run(
            [str(python_without_cdk), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stderr.splitlines()[-1] == f"ImportError: {last} {NEEDS}"


def test_environment_files_and_rehearsals_work_without_the_cdk(python_without_cdk: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import sys\n"
        "from fairlane import Fifo\n"
        "from fairlane.environment import load_environment\n"
        "from fairlane.rehearsal import Job, Trace, rehearse\n"
        f"load_environment(__import__('pathlib').Path({str(REPOSITORY / 'environments' / 'example.yaml')!r}))\n"
        "print(len(rehearse(Fifo(), Trace.of([Job(submit=0, run=60)]), capacity=1).outcomes))\n"
        "assert not {'aws_cdk', 'constructs', 'jsii'} & set(sys.modules)\n"
    )
    assert run(python_without_cdk, tmp_path, str(python_without_cdk), "use.py").stdout == "1\n"
    run(python_without_cdk, tmp_path, str(python_without_cdk), "-m", "fairlane.cli", "--help")


def test_the_wheel_creates_an_app(python_without_cdk: Path, tmp_path: Path) -> None:
    run(python_without_cdk, tmp_path, str(python_without_cdk), "-m", "fairlane.cli", "init", "platform")
    assert (tmp_path / "platform" / "app.py").exists()
    assert (tmp_path / "platform" / "environments" / "schema.json").exists()
