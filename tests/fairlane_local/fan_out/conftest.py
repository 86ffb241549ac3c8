from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fairlane_local.fan_out.golden import Golden, synthesize


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a CDK app with its synthesized stacks: a fan-out over four Regions."""
    return synthesize(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def golden(assembly: Path) -> Iterator[Golden]:
    """Fan-out that the CDK CLI deployed to a local AWS with a manual clock. All tests of a module share it."""
    with Golden.deploy(assembly) as golden:
        yield golden
