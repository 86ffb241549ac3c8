import shutil
import signal
from pathlib import Path

import pytest
import torch
import train
from processes import Processes

from tests_train.conftest import RunHere
from tests_train.support import finish, free_port, losses, run, same_weights, start, write_cluster


def test_a_run_stopped_by_sigterm_resumes_with_the_same_result(tmp_path: Path, whole: tuple[Path, str]) -> None:
    code, stopped = run(tmp_path, interrupt="SIGTERM 1 5")
    assert code == 143, stopped
    assert "stopped epoch=2 step=5" in stopped

    code, resumed = run(tmp_path)

    assert code == 0, resumed
    assert losses(stopped) + losses(resumed) == losses(whole[1])
    assert same_weights(tmp_path, whole[0])


def test_a_killed_run_resumes_from_the_last_checkpoint_with_the_same_result(
    tmp_path: Path, whole: tuple[Path, str]
) -> None:
    code, killed = run(tmp_path, interrupt="SIGKILL 1 5")
    assert code == 137, killed
    assert losses(killed)[-1].startswith("epoch=2 step=5 ")

    code, resumed = run(tmp_path)

    assert code == 0, resumed
    assert losses(resumed)[0].startswith("epoch=2 step=4 ")
    assert losses(killed)[:-2] + losses(resumed) == losses(whole[1])
    assert same_weights(tmp_path, whole[0])


def test_sigterm_to_one_of_two_hosts_stops_both(tmp_path: Path) -> None:
    port = free_port()
    roots = {"127.0.0.1": tmp_path / "first", "localhost": tmp_path / "second"}
    for host, root in roots.items():
        write_cluster(root, current=host, hosts=list(roots), network_interface="lo")
    shared = f"--checkpoints={tmp_path / 'shared'}"

    started = [start(root, shared, interrupt="SIGTERM 0 2", port=port) for root in roots.values()]
    (first, printed), (second, nothing) = (finish(process) for process in started)

    assert (first, second) == (143, 143), printed + nothing
    assert "processes=2" in printed
    assert "stopped epoch=1 step=2" in printed
    assert "stopped" not in nothing
    assert (tmp_path / "shared" / "checkpoint.pt").exists()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("step", [1, 7, 18])
def test_one_process_resumes_from_any_step(
    tmp_path: Path, run_here: RunHere, monkeypatch: pytest.MonkeyPatch, precision: str, step: int
) -> None:
    _, expected = run_here(tmp_path / "whole", f"--precision={precision}")
    with monkeypatch.context() as patched:

        def stop(_: Processes, *now: int) -> None:
            if now == (0, step):
                signal.raise_signal(signal.SIGTERM)

        patched.setattr(train, "after_step", stop)
        code, stopped = run_here(tmp_path / "parts", f"--precision={precision}", "--exit-code-when-stopped=3")
    assert code == 3

    _, resumed = run_here(tmp_path / "parts", f"--precision={precision}")

    assert losses(stopped) + losses(resumed) == losses(expected)
    assert same_weights(tmp_path / "parts", tmp_path / "whole")


def test_the_checkpoint_has_the_scale_of_float16(tmp_path: Path, run_here: RunHere) -> None:
    path = tmp_path / "checkpoints" / "checkpoint.pt"
    run_here(tmp_path, "--precision=float16", "--epochs=1")
    saved = torch.load(path, weights_only=True)
    saved["scaler"]["scale"] = 8.0
    torch.save(saved, path)

    run_here(tmp_path, "--precision=float16")

    assert torch.load(path, weights_only=True)["scaler"]["scale"] == 8.0


def test_a_finished_run_ends_again_with_the_same_result(
    tmp_path: Path, whole: tuple[Path, str], run_here: RunHere
) -> None:
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)

    code, again = run_here(tmp_path)

    assert code == 0
    assert len(losses(again)) == 1


def test_fewer_processes_can_resume_from_a_checkpoint_of_more(
    tmp_path: Path, whole: tuple[Path, str], run_here: RunHere
) -> None:
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)

    code, longer = run_here(tmp_path, "--epochs=3")

    assert code == 0
    assert losses(longer)[0].startswith("epoch=3 step=1 ")


def test_a_checkpoint_that_could_not_be_written_leaves_the_last_one(
    tmp_path: Path, run_here: RunHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(tmp_path, "--epochs=1")
    before = (tmp_path / "checkpoints" / "checkpoint.pt").read_bytes()

    def disk_full(_: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    code, _ = run_here(tmp_path)

    assert code == 1
    assert (tmp_path / "checkpoints" / "checkpoint.pt").read_bytes() == before
    assert (tmp_path / "output" / "failure").read_text().startswith("OSError: No space left on device")
