"""Images of the elastic jobs of the demo: a loop without PyTorch, and the example with PyTorch and the real agent."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fairlane_client.sweeps.vendor import vendor
from fairlane_local.errors import LocalAwsError

EXAMPLE: Final = Path("examples", "elastic")
"""Directory of the scripts in the folder of the CDK app."""
IMAGE: Final = "training/elastic"
_LAUNCHER: Final = "hyperpodrun"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticImage:
    """Directory that stands for the image, and the jobs that run in it.

    Args:
        directory: Absolute path.
        script: Training script.
        arguments: Arguments of the script of the elastic job, without the folder of its checkpoints.
        short_arguments: Arguments of the script of the other team's job.
        instances: Number of instances of the cluster.
        sizes: Sizes of the elastic job. The smallest one is the quota of its team.
        other_size: Size of the other team's job, which the elastic job gives back.
        steps: Number of steps at the largest size after which the other team submits its job.
        changes: Number of changes of the size that the demo shows, with `steps` steps after the last one. Default: all,
            until the job has completed.
    """

    directory: str
    script: str
    arguments: tuple[str, ...]
    short_arguments: tuple[str, ...]
    instances: int
    sizes: tuple[int, ...]
    other_size: int
    steps: int
    changes: int | None = None


def toy_image(directory: Path) -> ElasticImage:
    """Return the image of the loop without PyTorch, which the stand-in of the agent runs.

    Args:
        directory: Folder of the CDK app.
    """
    return ElasticImage(
        directory=_build(directory, "elastic-toy"),
        script="toy_loop.py",
        arguments=("--samples=4800", "--global-batch=32", "--sample-seconds=0.02"),
        short_arguments=("--samples=640", "--global-batch=32", "--sample-seconds=0.02"),
        instances=8,
        sizes=(2, 4, 8),
        other_size=4,
        steps=10,
    )


def torch_image(directory: Path, environment: Path) -> ElasticImage:
    """Return the image of the example with PyTorch, which the agent of AWS runs.

    Args:
        directory: Folder of the CDK app.
        environment: Virtual environment with PyTorch and the package hyperpod-elastic-agent.

    Raises:
        LocalAwsError: If the virtual environment lacks the agent.
    """
    if not (environment / "bin" / _LAUNCHER).is_file():
        raise LocalAwsError(f"{environment} has no {_LAUNCHER}: install PyTorch and hyperpod-elastic-agent there")
    image = Path(_build(directory, "elastic"))
    link = image / ".venv"
    link.unlink(missing_ok=True)
    link.symlink_to(environment.resolve())
    launcher = image / _LAUNCHER
    launcher.write_text((Path(__file__).with_name("torch_launcher.py")).read_text())
    launcher.chmod(0o755)
    return ElasticImage(
        directory=str(image),
        script="train.py",
        arguments=("--global-batch=8", "--epochs=1000"),
        short_arguments=("--global-batch=8",),
        instances=4,
        sizes=(2, 4),
        other_size=2,
        steps=20,
        changes=2,
    )


def _build(directory: Path, name: str) -> str:
    source = directory / EXAMPLE
    if not source.is_dir():
        raise LocalAwsError(f"this folder does not contain {EXAMPLE}")
    image = (directory / "build" / name).resolve()
    ignored = shutil.ignore_patterns("__pycache__", ".venv")
    shutil.copytree(source, image, ignore=ignored, dirs_exist_ok=True)
    vendor(image)
    return str(image)
