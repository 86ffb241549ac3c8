"""The loop without PyTorch of docs/elastic-training.md, which runs in a process of its own because of its signals."""

import json
import re
import subprocess
import sys
from pathlib import Path

from fairlane_run.elastic import CheckpointFolder
from tests.support import REPOSITORY

_, CODE = re.findall(r"^```py\n(.*?)^```", (REPOSITORY / "docs" / "elastic-training.md").read_text(), re.DOTALL | re.M)


def run(path: Path, code: str) -> tuple[int, dict[str, int]]:
    """Run the loop in a folder, and return its exit code and its latest state."""
    ended = subprocess.run([sys.executable, "-c", code], cwd=path, check=False)
    latest = CheckpointFolder(path / "checkpoints").latest()
    assert latest
    return ended.returncode, json.loads(Path(latest, "state.json").read_text())


def test_the_loop_without_pytorch_continues_after_a_signal(tmp_path: Path) -> None:
    look = "    event = events.detect()\n"
    assert look in CODE
    signaled = CODE.replace(look, f"    if state['step'] == 10:\n        os.kill(os.getpid(), 15)\n{look}")

    first, stopped = run(tmp_path, f"import os\n{signaled}")
    second, finished = run(tmp_path, CODE)

    assert (first, stopped["step"]) == (143, 10)
    assert (second, finished) == (0, {"step": 40, "total": sum(range(640))})
