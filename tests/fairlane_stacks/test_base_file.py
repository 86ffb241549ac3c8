"""Readers of environment files: an environment in two files is the same as in one file."""

from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import pytest

from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane.environment.extended_file import ExtendedFile
from fairlane.environment.yaml_writer import write_yaml
from fairlane.rehearsal import read_queue
from fairlane_local import deployed_queues
from fairlane_local.testing.local_batch import start_local_batch
from fairlane_stacks import read_environment
from tests.support import REPOSITORY

ENVIRONMENTS: Final = REPOSITORY / "environments"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with all environments of the repository, each divided into a file and a base file."""
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "fan-outs").symlink_to(ENVIRONMENTS / "fan-outs")
    for name in ("example", "fan-out", "hyperpod"):
        base = ExtendedFile(ENVIRONMENTS / f"{name}.yaml").data
        own: dict[str, Any] = {"extends": f"{name}.base.yaml", "region": base.pop("region")}
        for key in ("queues", "hyperpod", "regions", "fan_outs"):
            entries = base.get(key, {})
            if entries:
                entry = next(iter(entries))
                own[key] = {entry: {part: entries[entry].pop(part) for part in list(entries[entry])[::2]}}
        for file, data in ((f"{name}.yaml", own), (f"{name}.base.yaml", base)):
            with (folder / file).open("w") as stream:
                write_yaml(data, stream)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["example", "fan-out", "hyperpod"])
def test_the_app_reads_both_files(folder: Path, name: str) -> None:
    found = read_environment(cdk.App(context={"environment": name}), folder)
    assert found == (name, load_environment(ENVIRONMENTS / f"{name}.yaml"))


def test_a_rehearsal_reads_both_files(folder: Path) -> None:
    for queue in load_environment(ENVIRONMENTS / "example.yaml").queues:
        assert read_queue(folder / "example.yaml", queue) == read_queue(ENVIRONMENTS / "example.yaml", queue)


def test_quotas_of_hyperpod_are_those_of_both_files(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for directory in (folder.parent, REPOSITORY):
        monkeypatch.chdir(directory)
        assert main(["hyperpod", "quotas", "-c", "environment=hyperpod"]) == 0
        tables.append(capsys.readouterr())
    assert tables[0] == tables[1]


def test_tests_with_local_queues_read_both_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_local_batch(folder, monkeypatch) as batch:
        batch.deploy(folder / "example.yaml")
        names = {queue.name for queue in deployed_queues(batch.client("batch"))}
    assert names == set(load_environment(ENVIRONMENTS / "example.yaml").queues)
