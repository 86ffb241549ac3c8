"""Memory of a plan: it does not grow with the manifest."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support import REPOSITORY


def plan(lines: int, kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.fairlane_lambda.fan_out.plan_memory", str(lines), kind]
    result = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jobs", "known", "arrays"])
def test_memory_of_200000_lines(kind: str) -> None:
    small, large = plan(20_000, kind), plan(200_000, kind)

    assert large["megabytes"] <= 2 * small["megabytes"]
    assert large["megabytes"] < 256
