"""The engine that mypyc compiled, and the same engine in plain Python."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import REPOSITORY

CASES = 150
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the library and its compiled engine."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no C compiler: {COMPILER}")
    folder = tmp_path_factory.mktemp("compiled")
    build = f"from hatch_build import compile_engine; from pathlib import Path; compile_engine(Path({str(folder)!r}), optimization=0)"
    run_python([REPOSITORY], "-c", build)
    ignored = shutil.ignore_patterns("__pycache__", "app_template")
    shutil.copytree(
        REPOSITORY / "constructs" / "fairlane", folder / "wheel" / "fairlane", dirs_exist_ok=True, ignore=ignored
    )
    return folder / "wheel"


def run_python(path: list[Path], *arguments: str) -> list[str]:
    """Return the lines that a new Python prints, with folders that are first on its path."""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONHASHSEED": "0"}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout[-5000:] + process.stderr[-5000:]
    return process.stdout.splitlines()


@pytest.mark.slow
def test_the_compiled_engine_gives_the_results_of_the_plain_engine(compiled: Path) -> None:
    program = ["-m", "tests.fairlane.scheduler.compiled_traces", str(CASES)]
    first, *expected = run_python([REPOSITORY / "constructs"], *program)
    found_first, *found = run_python([compiled], *program)
    assert (first, found_first) == ("plain", "compiled")
    assert len(expected) > 2 * CASES
    for line, expected_line in zip(found, expected, strict=True):
        assert line == expected_line
