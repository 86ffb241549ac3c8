"""Mutated environment files, each loaded in a process with limits of CPU time and memory."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fairlane.environment import mutations
from tests.fairlane.environment.test_loader_properties import EVERYTHING
from tests.support import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
PROBLEM = re.compile(r"  - (?:other\.base\.yaml )?line \d+, .+")


@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_mutated_files_load_or_are_refused_with_lines(tmp_path: Path, count: int) -> None:
    everything = tmp_path / "everything.yaml"
    everything.write_text(EVERYTHING)
    names = ("example.yaml", "hyperpod.yaml")
    files = [str(everything), *(str(REPOSITORY / "environments" / name) for name in names)]
    command = [sys.executable, str(mutations.__file__), str(tmp_path), "0", str(count), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == count
    assert {answer["status"] for answer in answers} == {0, 1}, [a for a in answers if a["status"] not in {0, 1}]
    for answer in answers:
        _, *problems = answer["text"].splitlines() or [""]
        assert bool(problems) == bool(answer["status"]), answer
        assert all(map(PROBLEM.fullmatch, problems)), answer


def test_the_limits_end_a_load(tmp_path: Path) -> None:
    code = f"""
import json, pathlib, sys
sys.path.insert(0, {str(Path(str(mutations.__file__)).parent)!r})
import mutations
mutations.CPU_SECONDS = 1
output = pathlib.Path({str(tmp_path / "output")!r})
for load in (lambda path: None, lambda path: bytearray(2 * mutations.MEMORY), lambda path: any(iter(int, 1))):
    mutations.load_environment = load
    output.write_text("")
    print(json.dumps(mutations.run(output, output)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fast, large, slow = map(json.loads, done.stdout.splitlines())
    assert (fast["status"], fast["text"]) == (0, "")
    assert large["status"] == 2
    assert "MemoryError" in large["text"]
    assert slow["status"] in {-signal.SIGXCPU, -signal.SIGKILL}
