import os
import re
import subprocess
import sys
from pathlib import Path

from fairlane_run.elastic import CheckpointFolder
from tests_train.elastic.training_operator import REPOSITORY

PAGE = REPOSITORY / "docs" / "elastic-training.md"


def test_the_loop_of_the_page_runs(tmp_path: Path) -> None:
    code, _ = re.findall(r"^```py\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "train.py").write_text(code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "train.py"]
    own = {"PYTHONPATH": str(REPOSITORY / "client"), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}

    ended = subprocess.run(
        command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert CheckpointFolder(tmp_path / "checkpoints").steps() == [80]
