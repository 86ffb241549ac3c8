"""The AWS CDK as a peer dependency."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError

import pytest

import fairlane
from fairlane._internal import peer
from fairlane._internal.lazy import attach
from tests.support import REPOSITORY


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    peer._lacking.cache_clear()
    yield
    peer._lacking.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, **installed: str) -> None:
    def version(package: str) -> str:
        name = package.replace("-", "_")
        if name not in installed:
            raise PackageNotFoundError(package)
        return installed[name]

    monkeypatch.setattr(peer, "version", version)


def test_the_lowest_versions_are_those_of_the_extra() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra = [re.match(r"([a-z-]+)>=(\d+)\.(\d+),", line) for line in project["optional-dependencies"]["cdk"]]
    assert {match[1]: (int(match[2]), int(match[3])) for match in extra if match} == peer.LOWEST
    assert not any(line.startswith(tuple(peer.LOWEST)) for line in project["dependencies"])


@pytest.mark.parametrize(
    ("installed", "needed"),
    [
        ({"aws_cdk_lib": "2.99.1", "constructs": "10.8.1"}, "aws-cdk-lib 2.275 or later, and 2.99.1 is installed"),
        ({"aws_cdk_lib": "3.0.0", "constructs": "10.4.9"}, "constructs 10.5 or later, and 10.4.9 is installed"),
        ({"constructs": "10.8.1"}, "aws-cdk-lib 2.275 or later, which is not installed"),
    ],
    ids=["old", "old constructs", "none"],
)
def test_a_name_that_loads_the_cdk_is_refused(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], needed: str
) -> None:
    pretend(monkeypatch, **installed)
    load, _, _ = attach("fairlane", fairlane.__file__)
    with pytest.raises(ImportError) as caught:
        load("TrainingQueue")
    assert str(caught.value) == f'TrainingQueue needs {needed}: pip install --upgrade "fairlane[cdk]"'


def test_a_module_that_an_old_cdk_lacks_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, aws_cdk_lib="2.100.0", constructs="10.8.1")
    with pytest.raises(ImportError, match="is installed") as caught:
        peer.check_cdk("X", AttributeError("module 'aws_cdk.aws_batch' has no attribute 'CfnQuotaShare'"))
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_else_is_missing_keeps_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    monkeypatch.delitem(sys.modules, "aws_cdk", raising=False)
    peer.check_cdk("preview", ModuleNotFoundError("No module named 'plotly'", name="plotly"))
    peer.check_cdk("X", AttributeError("no attribute"))


def test_the_installed_cdk_is_enough() -> None:
    peer.check_cdk("X")
