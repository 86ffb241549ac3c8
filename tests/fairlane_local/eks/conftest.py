from pathlib import Path

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import Place
from tests.fairlane_local.kubernetes_tools import extract_tool


@pytest.fixture
def place(aws: LocalAws) -> Place:
    return Place(aws)


@pytest.fixture(scope="session")
def helm_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract_tool("helm", tmp_path_factory.mktemp("helm"))
