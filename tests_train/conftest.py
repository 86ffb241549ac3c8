"""Fixtures: a complete run, and a run in this process."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import train

from tests_train.support import SMALL, run

RunHere = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Directory and output of a complete run with two processes."""
    root = tmp_path_factory.mktemp("whole")
    code, output = run(root)
    assert code == 0, output
    return root, output


@pytest.fixture
def run_here(capsys: pytest.CaptureFixture[str]) -> Iterator[RunHere]:
    """Run the main function of train.py, and return its exit code and output."""
    before = signal.getsignal(signal.SIGTERM)

    def here(root: Path, *options: str) -> tuple[int, str]:
        code = train.main([f"--root={root}", *SMALL, *options])
        return code, capsys.readouterr().out

    yield here
    signal.signal(signal.SIGTERM, before)
