"""Toy training script: a run that is stopped resumes with exactly the same result."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

SCRIPT = REPOSITORY / "examples" / "toy" / "train.py"
STOP_AT = """
import os, runpy, signal, sys, time
steps, stop = 0, int(sys.argv.pop(1))
def sleep(seconds):
    global steps
    steps += 1
    if steps == stop:
        os.kill(os.getpid(), signal.SIGTERM)
time.sleep = sleep
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


def run(root: Path, *options: str, stop: int = 0) -> tuple[int, str]:
    """Run the script, which gets SIGTERM at a step, and return its exit code and its output."""
    command = [sys.executable, "-I", "-c", STOP_AT, str(stop), str(SCRIPT), "train", f"--root={root}", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def losses(output: str) -> list[str]:
    return re.findall(r"step=\d+ loss=\S+", output)


def test_a_stopped_run_resumes_with_the_same_result(tmp_path: Path) -> None:
    options = ("--steps=30", "--log-every=1")
    code, whole = run(tmp_path / "whole", *options)
    assert code == 0, whole
    code, stopped = run(tmp_path / "stopped", *options, stop=13)
    assert (code, stopped.splitlines()[-1]) == (143, "stopped step=13")
    code, resumed = run(tmp_path / "stopped", *options)
    assert code == 0, resumed
    assert losses(stopped) + losses(resumed) == losses(whole)
    model = json.loads((tmp_path / "stopped" / "model" / "model.json").read_text())
    assert model == json.loads((tmp_path / "whole" / "model" / "model.json").read_text())


@pytest.mark.slow
def test_hyperparameters_are_settings_and_options_take_precedence(tmp_path: Path) -> None:
    file = tmp_path / "input" / "config" / "hyperparameters.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"steps": "5", "log_every": "5"}')
    assert losses(run(tmp_path, "--steps=10")[1])[-1].startswith("step=10 ")
    assert "trained steps=5 " in run(tmp_path / "other", f"--root={tmp_path}", f"--checkpoints={tmp_path}/new")[1]


@pytest.mark.slow
def test_a_failure_is_written_for_sagemaker(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint.json").write_text("{")
    code, output = run(tmp_path)
    assert code == 1, output
    assert (tmp_path / "output" / "failure").read_text().startswith("JSONDecodeError: ")
