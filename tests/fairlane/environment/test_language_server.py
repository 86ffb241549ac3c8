"""Schemas of environment files in a YAML language server, as editors use them: completion and underlined mistakes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlane.environment import environment_names
from tests.fairlane.environment.test_loader_properties import EVERYTHING
from tests.language_server import LanguageServer
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow
ENVIRONMENTS = REPOSITORY / "environments"
COMPLETE, PARTIAL = (f"# yaml-language-server: $schema={name}schema.json\n" for name in ("", "partial-"))


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer.start() as server:
        yield server


@pytest.mark.parametrize("header", [COMPLETE, PARTIAL], ids=["complete", "partial"])
@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("region: |", {"us-east-1", "eu-west-1"}),
        ("regions:\n  |", {"us-east-1", "eu-west-1"}),
        ("images: {a: {regions: [|]}}", {"us-east-1", "eu-west-1"}),
        ("queues:\n  a:\n    scheduling:\n      policy: |", {"fifo", "fair-share", "quota-management"}),
        ("queues:\n  a:\n    scheduling:\n      shares:\n        b:\n          sharing: |", {"RESERVE", "LEND", "LEND_AND_BORROW"}),
        ("queues:\n  a:\n    instance_type: |", {"ml.p5.48xlarge", "ml.c5.xlarge"}),
        ("queues:\n  a:\n    capacity:\n      ml|", {"ml.p5.48xlarge", "ml.c5.xlarge"}),
        ("compute_environments:\n  a:\n    instance_types:\n      - |", {"g5.12xlarge", "p5.48xlarge"}),
        ("job_definitions:\n  a:\n    instance_type: |", {"g5.12xlarge", "p5.48xlarge"}),
        ("hyperpod:\n  a:\n    instance_groups:\n      b:\n        instance_type: |", {"ml.p5.48xlarge", "ml.m5.2xlarge"}),
        ("hyperpod:\n  a:\n    teams:\n      b:\n        quota:\n          m|", {"ml.p5.48xlarge", "ml.m5.2xlarge"}),
        ("queues:\n  a:\n    state: |", {"enabled", "draining"}),
        ("extends: |", {"base.yaml"}),
        ("ext|", {"extends", "queues", "account"}),
    ],
)  # fmt: skip
def test_names_words_and_keys_are_offered(server: LanguageServer, header: str, text: str, offered: set[str]) -> None:
    assert offered <= set(server.completions(ENVIRONMENTS, header + text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queus: {}", "Property queus is not allowed."),
        ("queues: {a: {capacity: x}}", 'Incorrect type. Expected "integer | object'),
        ("termination_protection: maybe", 'Incorrect type. Expected "boolean'),
        ("queues: {a: {capacity: 1, scheduling: {polcy: fifo}}}", "Property polcy is not allowed."),
        ("queues: {a: {capacity: 1, scheduling: {policy: fair-shar}}}", '"fair-share"'),
        ("queues: {a: {instance_type: p5.48xlarge}}", "allowed: a training instance type such as ml.p5.48xlarge"),
        ("compute_environments: {a: {instance_types: [g5]}}", "allowed: a GPU instance type such as g5.12xlarge"),
        ("regions: {us-east: {}}", "allowed: a Region name such as us-east-1"),
        ("extends: ../base.yaml", "allowed: base.yaml or NAME.base.yaml"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", [COMPLETE, PARTIAL], ids=["complete", "partial"])
def test_mistakes_are_underlined(server: LanguageServer, header: str, text: str, message: str) -> None:
    found = server.diagnostics(ENVIRONMENTS, f"{header}tags: {{}}\n{text}\n")
    assert [(line, shown) for line, shown in found if message in shown], found
    assert [line for line, shown in found if "Missing" not in shown] == [3]


def test_missing_keys_are_underlined_in_a_complete_file_only(server: LanguageServer) -> None:
    text = "queues: {a: {capacity: 1}}\n"
    missing = [(2, 'Missing property "region".'), (2, 'Missing property "scheduling".')]
    assert sorted(server.diagnostics(ENVIRONMENTS, COMPLETE + text)) == missing
    assert server.diagnostics(ENVIRONMENTS, PARTIAL + text) == []


def test_null_removes_a_key_of_the_base_file_without_a_mark(server: LanguageServer) -> None:
    scheduling = "{policy: fifo, proportions: null}"
    text = f"extends: base.yaml\ntags: {{owner: null}}\nqueues: {{a: null, b: {{scheduling: {scheduling}}}}}\n"
    assert server.diagnostics(ENVIRONMENTS, PARTIAL + text) == []


@pytest.mark.parametrize("header", [COMPLETE, PARTIAL], ids=["complete", "partial"])
@pytest.mark.parametrize("name", [*environment_names(ENVIRONMENTS), "everything"])
def test_nothing_is_underlined_in_a_file_that_loads(server: LanguageServer, name: str, header: str) -> None:
    file = ENVIRONMENTS / f"{name}.yaml"
    text = file.read_text() if file.exists() else EVERYTHING
    assert server.diagnostics(ENVIRONMENTS, header + text.removeprefix(COMPLETE)) == []


def test_nothing_is_underlined_in_the_base_file_of_the_page_and_the_file_that_extends_it(
    server: LanguageServer,
) -> None:
    page = (REPOSITORY / "docs" / "environment-file.md").read_text()
    files = re.findall(rf"```yml\n({re.escape(PARTIAL)}.*?)```", page, re.DOTALL)
    assert [server.diagnostics(ENVIRONMENTS, text) for text in files] == [[], []]


def test_keys_for_anchors_and_new_names_are_not_underlined(server: LanguageServer) -> None:
    queue = "{capacity: {ml.p9.48xlarge: 1}, scheduling: {policy: fair-share, proportions: {a: 1}}}"
    text = f"region: xx-new-1\nx-queue: &queue {queue}\nqueues: {{a: *queue, b: {{<<: *queue, priority: 2}}}}\n"
    assert server.diagnostics(ENVIRONMENTS, COMPLETE + text) == []


def test_the_schemas_of_a_new_app_work(server: LanguageServer, tmp_path: Path) -> None:
    """The server reads the schema that the comment names, beside the file."""
    (tmp_path / "schema.json").write_text((ENVIRONMENTS / "schema.json").read_text())
    assert "us-east-1" in server.completions(tmp_path, f"{COMPLETE}region: |")
