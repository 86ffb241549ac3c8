"""Demo of an elastic job with PyTorch and the HyperPod agent."""

import re

import pytest

from tests.fairlane_local.console.test_demo import run_demo
from tests.support import REPOSITORY

PYTHON = REPOSITORY / ".venv-train"


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="make test-train installs PyTorch")
def test_a_job_with_the_agent_grows_and_gives_back() -> None:
    output = run_demo(arguments=("--agent", str(PYTHON)))
    sizes = re.findall(r"^ +(\d+) +\d+  \d+ to \d+", output, re.MULTILINE)
    assert " ".join(sizes) in {"2 4 2", "4 2 4"}  # on a slow computer, the first change comes before the first step
    assert " 0 steps computed again" in output
