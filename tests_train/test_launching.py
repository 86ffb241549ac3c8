import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from launch import Cluster, exit_code, main, torchrun_options

from tests_train.support import EXAMPLE, write_cluster

HOSTS = ["algo-2", "algo-1"]


@pytest.mark.parametrize(("current", "rank"), [("algo-1", 0), ("algo-2", 1)])
def test_two_sagemaker_hosts_meet_at_the_first_host(tmp_path: Path, current: str, rank: int) -> None:
    write_cluster(tmp_path, current=current, hosts=HOSTS, network_interface="eth0")

    cluster = Cluster.read(tmp_path)

    assert cluster.network_interface == "eth0"
    assert torchrun_options(cluster, 8) == [
        "--nnodes=2",
        f"--node_rank={rank}",
        "--master_addr=algo-1",
        "--master_port=29500",
        "--nproc_per_node=8",
    ]


def test_one_sagemaker_host_needs_no_rendezvous(tmp_path: Path) -> None:
    write_cluster(tmp_path, current="algo-1", hosts=["algo-1"], network_interface="eth0")

    assert torchrun_options(Cluster.read(tmp_path), 4) == ["--standalone", "--nnodes=1", "--nproc_per_node=4"]


def test_a_host_outside_aws_needs_no_rendezvous(tmp_path: Path) -> None:
    assert torchrun_options(Cluster.read(tmp_path), 1) == ["--standalone", "--nnodes=1", "--nproc_per_node=1"]


@pytest.mark.parametrize(
    ("first", "codes", "expected"),
    [(143, [143, 143], 143), (-15, [-15, 1], 143), (1, [1, -9], 137), (-9, [-9, -15], 137), (3, [3, -15], 3)],
)
def test_the_exit_code_has_the_cause(first: int, codes: list[int], expected: int) -> None:
    assert exit_code(first, codes) == expected


def test_multi_node_batch_jobs_require_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BATCH_JOB_NUM_NODES", "2")
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    with pytest.raises(SystemExit, match="give a command that runs torchrun"):
        main(["--epochs=1"])


def test_a_command_replaces_the_training() -> None:
    launched = [sys.executable, str(EXAMPLE / "launch.py"), "echo", "--nnodes=2"]

    assert subprocess.run(launched, check=True, capture_output=True, text=True).stdout == "--nnodes=2\n"


def test_a_run_of_a_sweep_starts_again_with_its_parameters(tmp_path: Path) -> None:
    (tmp_path / "fairlane_run.py").write_text("import sys; print(sys.argv[1:])")
    launched = [sys.executable, str(EXAMPLE / "launch.py"), "train", "--epochs=2"]
    environment = os.environ | {"FAIRLANE_SWEEP": "{}", "PYTHONPATH": str(tmp_path)}

    output = subprocess.run(launched, check=True, capture_output=True, text=True, env=environment).stdout

    patterns = [r"held_out_accuracy=held_out_accuracy=(\S+)", r"held_out_loss=held_out_loss=(\S+)"]
    expected = ["--metric", patterns[0], "--metric", patterns[1], launched[1], "--epochs=2"]
    assert output == f"{expected}\n"


def test_the_image_forwards_signals_and_does_not_run_as_root() -> None:
    lines = (EXAMPLE / "Dockerfile").read_text().splitlines()

    assert 'ENTRYPOINT ["python3", "/opt/train/launch.py"]' in lines
    assert "ARG RUN_AS=trainer" in lines
    assert "USER ${RUN_AS}" in lines


def test_the_image_has_the_pytorch_that_is_tested() -> None:
    dockerfile = (EXAMPLE / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE=pytorch/pytorch:([\d.]+)-", dockerfile, flags=re.MULTILINE)

    assert f"torch=={base} \\" in (EXAMPLE.parents[1] / "requirements" / "train.lock").read_text().splitlines()
