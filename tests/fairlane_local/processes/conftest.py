from collections.abc import Iterator
from pathlib import Path
from threading import Condition
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.processes.logs import LogWriter
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.timeline import Timeline
from tests.fairlane_local.processes.support import Here


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Directory that stands for the image `train`."""
    directory = tmp_path / "image"
    directory.mkdir()
    return directory


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Condition:
    """Condition that is notified when a job or a log stream may have changed."""
    changed = Condition()
    for owner, name in ((Timeline, "wake"), (LogWriter, "flush")):
        original: Any = getattr(owner, name)

        def notify(*arguments: Any, original: Any = original, **named: Any) -> None:
            original(*arguments, **named)
            with changed:
                changed.notify_all()

        monkeypatch.setattr(owner, name, notify)
    return changed


@pytest.fixture
def settings() -> dict[str, Any]:
    """Options of the processes, which a test can replace by a parameter of this name."""
    return {}


@pytest.fixture
def here(image: Path, changed: Condition, settings: dict[str, Any]) -> Iterator[Here]:
    """Local AWS whose jobs run as processes, with a place for four."""
    few: dict[str, Any] = {
        "processes": 4,
        "memory_mib": 128,
        "disk_mib": 32,
        "training_notice": 0.3,
        "container_notice": 0.3,
    }
    members: dict[str, Any] = {"images": {"train": str(image)}, "copy_seconds": 0.1} | few | settings
    processes = ProcessOptions(**members)
    with LocalAws(options=JobOptions(throttle=False, processes=processes)) as aws:
        yield Here(aws, changed)
