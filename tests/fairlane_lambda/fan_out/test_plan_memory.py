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


@pytest.mark.parametrize("kind", ["jobs", "known", "arrays"])
@pytest.mark.parametrize(
    "lines", [pytest.param(5_000, marks=pytest.mark.slow), pytest.param(20_000, marks=pytest.mark.soak)]
)
def test_memory_of_ten_times_the_lines(kind: str, lines: int) -> None:
    small, large = plan(lines, kind), plan(10 * lines, kind)

    assert large["megabytes"] <= 2 * small["megabytes"]
    assert large["megabytes"] < 256
