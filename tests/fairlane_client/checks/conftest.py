from pathlib import Path

import pytest

from fairlane_client.queues.queue import Queue
from tests.fairlane_client.checks.world import queues, write_file


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environment file of the queues."""
    return write_file(tmp_path_factory.mktemp("checks"))


@pytest.fixture(scope="session")
def all_queues(file: Path) -> dict[str, Queue]:
    return queues(file)
