"""Options of jobs that run as processes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairlane_local.errors import LocalAwsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """Behavior of jobs that run as processes of this computer.

    Args:
        images: Directories that stand for images, by the name of the image. A name can have a registry and a tag, and
            needs neither.
        processes: Number of processes of jobs at a time, 1 or more. Default: the number of CPU cores.
        memory_mib: Memory of a process with its children in MiB, 16 or more. Default: 2,048. A job that requests less
            gets what it requests.
        disk_mib: Size of all files that a process writes, in MiB, 16 or more. The files are in memory. Default: 1,024.
        model_mib: Size of the archive of a model, or of other output, in MiB. Default: 512.
        log_lines: Number of lines that a log stream keeps, 1 or more. Default: 10,000.
        training_notice: Seconds from SIGTERM to SIGKILL for a training job. Default: 120, as on AWS.
        container_notice: Seconds from SIGTERM to SIGKILL for a container job. Default: 30, as on AWS.
        copy_seconds: Seconds between copies of checkpoints to S3. Default: 2.

    Raises:
        LocalAwsError: If a directory of an image does not exist or is the root directory, or if a number is too low.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_mib: int = 2048
    disk_mib: int = 1024
    model_mib: int = 512
    log_lines: int = 10_000
    training_notice: float = 120
    container_notice: float = 30
    copy_seconds: float = 2

    def __post_init__(self) -> None:
        for name, directory in self.images.items():
            if not Path(directory).is_absolute() or not Path(directory).is_dir():
                sentence = f"--image {name}={directory}: the directory does not exist"
                raise LocalAwsError(f"{sentence}; use --image NAME=DIR with the absolute path of a directory")
            if Path(directory).resolve() == Path("/"):
                raise LocalAwsError(f"--image {name}={directory}: the root directory cannot stand for an image")
        for name, least in (("processes", 1), ("memory_mib", 16), ("disk_mib", 16), ("model_mib", 1), ("log_lines", 1)):
            if getattr(self, name) < least:
                raise LocalAwsError(f"{name}: got {getattr(self, name)}, allowed: {least} or more")
