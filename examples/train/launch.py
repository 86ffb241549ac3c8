"""Starts one process of `train.py` for each GPU, on one machine or on all machines of a SageMaker training job.

This is the image's entry point. Its exit code is what a retry rule can go by, as torchrun's own, always 1, is not: 143
after SIGTERM, 137 if a process was killed (out of memory, as a rule), 2 if settings are wrong, otherwise that of the
process that failed first.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from settings import Settings, read_settings_or_exit

TRAIN = Path(__file__).with_name("train.py")


@dataclass(frozen=True)
class Cluster:
    """The machines of a job, seen from one of them."""

    hosts: tuple[str, ...] = ("localhost",)
    current: str = "localhost"
    network_interface: str | None = None

    @classmethod
    def read(cls, root: Path) -> "Cluster":
        """What SageMaker says about the job's machines, or this machine alone where it says nothing."""
        path = root / "input" / "config" / "resourceconfig.json"
        if not path.exists():
            return cls()
        given = json.loads(path.read_text())
        return cls(tuple(sorted(given["hosts"])), given["current_host"], given.get("network_interface_name"))


def torchrun_options(cluster: Cluster, processes: int, port: str = "29500") -> list[str]:
    """What torchrun must be told on this machine; the first host, by name, is where all processes meet."""
    nodes = len(cluster.hosts)
    if nodes == 1:
        return ["--standalone", "--nnodes=1", f"--nproc_per_node={processes}"]
    rank = cluster.hosts.index(cluster.current)
    meeting = [f"--master_addr={cluster.hosts[0]}", f"--master_port={port}"]
    return [f"--nnodes={nodes}", f"--node_rank={rank}", *meeting, f"--nproc_per_node={processes}"]


def launch(settings: Settings, script: Path, arguments: Sequence[str]) -> int:
    """Runs the script on this machine's share of the job, and returns the exit code."""
    # Importing PyTorch takes seconds, in which SIGTERM must be heeded already.
    import torch  # noqa: PLC0415
    from torch.distributed import run  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415

    cluster = Cluster.read(settings.root)
    if cluster.network_interface and len(cluster.hosts) > 1:
        os.environ.setdefault("NCCL_SOCKET_IFNAME", cluster.network_interface)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", cluster.network_interface)
    # How long torchrun waits for a checkpoint before it kills: SageMaker gives 120 seconds, where torchrun gives 30.
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
        return exit_code(first.exitcode, [one.exitcode for one in failed.failures.values()])
    return 0


def exit_code(first: int, codes: Sequence[int]) -> int:
    """What a shell would say of the process that failed first, or of one that was killed.

    torchrun looks from time to time: it may not see which ended first, a killed process or those that missed it.
    """
    code = -signal.SIGKILL if -signal.SIGKILL in codes else first
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str], script: Path = TRAIN) -> NoReturn:
    """Starts training and ends with its exit code; a command, as any word that is no option, is run instead."""
    # The first process of a container ignores SIGTERM until it has a handler; torchrun replaces this one by its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    if arguments[:1] == ["train"]:  # SageMaker runs every image with this word
        arguments = arguments[1:]
    elif arguments and not arguments[0].startswith("-"):
        os.execvp(arguments[0], [*arguments])
    if int(os.environ.get("AWS_BATCH_JOB_NUM_NODES", "1")) > 1:  # each would train on its own, over the same checkpoint
        sys.exit("on several nodes of AWS Batch, give a command that runs torchrun with /opt/train/train.py")
    sys.exit(launch(read_settings_or_exit(arguments), script, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
