"""AWS CDK as a peer dependency."""

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
def empty_cache() -> Iterator[None]:
    peer._missing_requirement.cache_clear()
    yield
    peer._missing_requirement.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, **installed: str) -> None:
    """Make `peer` see the given versions of packages, and no other packages."""

    def version(package: str) -> str:
        name = package.replace("-", "_")
        if name not in installed:
            raise PackageNotFoundError(package)
        return installed[name]

    monkeypatch.setattr(peer, "version", version)


def test_the_lowest_versions_are_the_versions_in_the_extra() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra = [re.match(r"([a-z-]+)>=(\d+)\.(\d+),", line) for line in project["optional-dependencies"]["cdk"]]
    assert {match[1]: (int(match[2]), int(match[3])) for match in extra if match} == peer.LOWEST
    assert not any(line.startswith(tuple(peer.LOWEST)) for line in project["dependencies"])


@pytest.mark.parametrize(
    ("installed", "needed"),
    [
        ({"aws_cdk_lib": "2.99.1", "constructs": "10.8.1"}, "aws-cdk-lib 2.275 or later, but 2.99.1 is installed"),
        ({"aws_cdk_lib": "3.0.0", "constructs": "10.4.9"}, "constructs 10.5 or later, but 10.4.9 is installed"),
        ({"constructs": "10.8.1"}, "aws-cdk-lib 2.275 or later, which is not installed"),
    ],
    ids=["old", "old constructs", "none"],
)
def test_a_name_that_needs_the_cdk_is_refused_with_a_command(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], needed: str
) -> None:
    install(monkeypatch, **installed)
    load, _, _ = attach("fairlane", fairlane.__file__)
    with pytest.raises(ImportError) as caught:
        load("TrainingQueue")
    assert str(caught.value) == f'TrainingQueue needs {needed}: pip install --upgrade "fairlane[cdk]"'


def test_a_missing_attribute_of_an_old_cdk_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, aws_cdk_lib="2.100.0", constructs="10.8.1")
    with pytest.raises(ImportError, match="is installed") as caught:
        peer.check_cdk("X", AttributeError("module 'aws_cdk.aws_batch' has no attribute 'CfnQuotaShare'"))
    assert isinstance(caught.value.__cause__, AttributeError)


def test_other_import_errors_are_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.delitem(sys.modules, "aws_cdk", raising=False)
    peer.check_cdk("preview", ModuleNotFoundError("No module named 'plotly'", name="plotly"))
    peer.check_cdk("X", AttributeError("no attribute"))


def test_the_installed_cdk_is_accepted() -> None:
    peer.check_cdk("X")
