"""Entry point of the image: starts one process of `train.py` for each GPU.

The processes run on one instance, or on all instances of a SageMaker training job. Retry rules can use the exit code,
unlike torchrun's own exit code, which is always 1: 143 after SIGTERM, 137 if a process was killed (usually because the
memory was exhausted), 2 if settings are wrong, and otherwise the exit code of the process that failed first.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from settings import POINT, Settings, is_in_sweep, read_settings_or_exit

TRAIN = Path(__file__).with_name("train.py")
METRICS = ("held_out_accuracy", "held_out_loss")
"""Metrics that train.py prints after each epoch, and that a sweep can compare."""


@dataclass(frozen=True)
class Cluster:
    """Instances of a job, from the view of one of them."""

    hosts: tuple[str, ...] = ("localhost",)
    current: str = "localhost"
    network_interface: str | None = None

    @classmethod
    def read(cls, root: Path) -> "Cluster":
        """Return the job's instances from SageMaker's configuration, or only this host without the configuration."""
        path = root / "input" / "config" / "resourceconfig.json"
        if not path.exists():
            return cls()
        config = json.loads(path.read_text())
        return cls(tuple(sorted(config["hosts"])), config["current_host"], config.get("network_interface_name"))


def torchrun_options(cluster: Cluster, processes: int, port: str = "29500") -> list[str]:
    """Return the options of torchrun on this host. All processes connect to the first host by name."""
    nodes = len(cluster.hosts)
    if nodes == 1:
        return ["--standalone", "--nnodes=1", f"--nproc_per_node={processes}"]
    rank = cluster.hosts.index(cluster.current)
    rendezvous = [f"--master_addr={cluster.hosts[0]}", f"--master_port={port}"]
    return [f"--nnodes={nodes}", f"--node_rank={rank}", *rendezvous, f"--nproc_per_node={processes}"]


def launch(settings: Settings, script: Path, arguments: Sequence[str]) -> int:
    """Run the script in the processes of this host, and return the exit code."""
    # The import of PyTorch takes seconds, and SIGTERM must work during that time.
    import torch  # noqa: PLC0415
    from torch.distributed import run  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415

    cluster = Cluster.read(settings.root)
    if cluster.network_interface and len(cluster.hosts) > 1:
        os.environ.setdefault("NCCL_SOCKET_IFNAME", cluster.network_interface)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", cluster.network_interface)
    # Seconds that torchrun waits for a checkpoint before it kills: SageMaker allows 120, torchrun only 30 by default.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "110")
    processes = settings.processes or torch.cuda.device_count() or 1
    options = torchrun_options(cluster, processes, os.environ.get("MASTER_PORT", "29500"))
    try:
        run.main([*options, str(script), *arguments])
    except SignalException as stopped:
        return settings.exit_code_when_stopped if stopped.sigval == signal.SIGTERM else 128 + stopped.sigval
    except ChildFailedError as failed:
        print(failed, file=sys.stderr)
        _, first = failed.get_first_failure()
        return exit_code(first.exitcode, [failure.exitcode for failure in failed.failures.values()])
    return 0


def exit_code(first: int, codes: Sequence[int]) -> int:
    """Return the exit code, as a shell reports it, of the process that failed first or of a killed process.

    torchrun polls the processes: it may not know whether the killed process or a process that needed it ended first.
    """
    code = -signal.SIGKILL if -signal.SIGKILL in codes else first
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str], script: Path = TRAIN) -> NoReturn:
    """Start the training and exit with its exit code. If the first argument is no option, run it as a command."""
    # The first process of a container ignores SIGTERM without a handler. torchrun replaces this handler by its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    if arguments[:1] == ["train"]:  # SageMaker runs all images with this argument
        arguments = arguments[1:]
    elif arguments and not arguments[0].startswith("-"):
        os.execvp(arguments[0], [*arguments])
    # Without torchrun on all nodes, each node would train alone and overwrite the checkpoint.
    if int(os.environ.get("AWS_BATCH_JOB_NUM_NODES", "1")) > 1:
        sys.exit("a multi-node job requires torchrun: give a command that runs torchrun with /opt/train/train.py")
    settings = read_settings_or_exit(arguments)
    if is_in_sweep(settings.root) and POINT not in os.environ:
        patterns = [word for name in METRICS for word in ("--metric", rf"{name}={name}=(\S+)")]
        os.execv(sys.executable, [sys.executable, "-m", "fairlane_run", *patterns, __file__, *arguments])
    sys.exit(launch(settings, script, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
