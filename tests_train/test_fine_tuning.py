"""The training script of examples/fine-tune under torchrun, with SIGTERM after a step."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[1] / "examples" / "fine-tune"
# Runs train.py and sends SIGTERM to torchrun, which forwards it to all processes, after step 5 of the second epoch.
INTERRUPTED = f"""
import os, signal, sys
sys.path.insert(0, {str(EXAMPLE / "source")!r})
import train

def interrupt(epoch, step):
    if (epoch, step) != (1, 5) or os.environ["RANK"] != "0":
        return
    received, handler = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *arguments: (handler(*arguments), received.append(True)))
    os.kill(os.getppid(), signal.SIGTERM)
    while not received:
        pass

train.after_step = interrupt
os._exit(train.main(sys.argv[1:]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folder like /opt/ml, with the channels of the example."""
    channels = tmp_path / "input" / "data"
    shutil.copytree(EXAMPLE / "data", channels)
    shutil.copytree(EXAMPLE / "config", channels / "config")
    return tmp_path


def torchrun(root: Path, script: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.run(
        [*command, str(script), f"--root={root}"],
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def results(output: str) -> list[str]:
    return re.findall(r"^epoch=.*", output, flags=re.MULTILINE)


def weights(root: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(root / "model" / "model.pt", weights_only=True)
    return loaded


def test_an_interrupted_run_continues_as_without_the_interruption(root: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(root, tmp_path / "whole")
    completed = torchrun(whole, EXAMPLE / "source" / "train.py")
    assert completed.returncode == 0, completed.stderr
    assert "start processes=2" in completed.stdout
    assert len(results(completed.stdout)) == 3

    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    stopped = torchrun(root, script)
    assert stopped.returncode != 0
    assert "stopped epoch=2 step=5" in stopped.stdout
    assert not (root / "model").exists()

    continued = torchrun(root, EXAMPLE / "source" / "train.py")
    assert continued.returncode == 0, continued.stderr
    assert "continue epoch=2 after step=5" in continued.stdout
    assert results(stopped.stdout) + results(continued.stdout) == results(completed.stdout)
    assert all(torch.equal(weights(root)[name], value) for name, value in weights(whole).items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch: 3", "args.yaml: unknown keys epoch; use epochs, batch_size, learning_rate, checkpoint_every, seed"),
        ("[3]", "args.yaml: not a mapping; use epochs, batch_size, learning_rate, checkpoint_every, seed"),
        ("epochs: many", "args.yaml: invalid literal for int() with base 10: 'many'"),
    ],
)
def test_wrong_arguments_end_the_run_with_a_message(tmp_path: Path, content: str, message: str) -> None:
    spec = importlib.util.spec_from_file_location("fine_tuning", EXAMPLE / "source" / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "args.yaml").write_text(content)

    with pytest.raises(SystemExit, match=re.escape(message)):
        module.read_args(tmp_path / "args.yaml")
