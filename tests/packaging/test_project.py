"""Workflows, contributor guide and issue templates of the project."""

import re
import tomllib

import pytest
from ruamel.yaml import YAML

from tests.support import REPOSITORY

GITHUB = REPOSITORY / ".github"
NEW_APP = REPOSITORY / "constructs" / "fairlane" / "cli" / "app_template" / "dot_github" / "workflows"
WORKFLOWS = sorted([*(GITHUB / "workflows").glob("*.yml"), *NEW_APP.glob("*.yml")])
TARGETS = set(re.findall(r"^([\w-]+):.*##", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_actions_by_digest_and_run_commands_that_exist(path: object) -> None:
    workflow = YAML(typ="safe").load(path)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    commands = {
        word for step in steps for line in re.findall(r"make ([\w -]+)", step.get("run", "")) for word in line.split()
    }
    assert commands <= TARGETS
    assert workflow["permissions"] == {"contents": "read"}


def test_ci_runs_the_lowest_python_and_the_python_of_the_lambda_functions() -> None:
    workflow = YAML(typ="safe").load(GITHUB / "workflows" / "ci.yml")
    lowest = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    functions = (REPOSITORY / "constructs" / "fairlane" / "_internal" / "functions.py").read_text()
    (runtime,) = re.findall(r'runtime="python([\d.]+)"', functions)
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == [lowest, runtime]


def test_commands_of_the_contributor_guide_exist() -> None:
    named = re.findall(r"`make ([\w-]+)", (REPOSITORY / "CONTRIBUTING.md").read_text())
    named += re.findall(r"`make ([\w-]+)", (REPOSITORY / "AGENTS.md").read_text())
    assert set(named) <= TARGETS


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "AGENTS.md"])
def test_paths_in_the_guides_exist(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    named = re.findall(r"`((?:\.ci|constructs|docs|environments|examples|lambda|local|stacks|tests)/[\w./-]*)`", text)
    named += re.findall(r"\]\(([\w./-]+)\)", text)
    missing = [path for path in named if not (REPOSITORY / path).exists()]
    assert missing == [] or missing == ["constructs/__init__.py"]


def test_issue_forms_are_complete() -> None:
    forms = [form for form in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if form.stem != "config"]
    assert forms
    for path in forms:
        form = YAML(typ="safe").load(path)
        assert {"name", "description", "body"} <= set(form)
        assert all("id" in item for item in form["body"])
