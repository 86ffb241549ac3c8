"""Image of the toy training for jobs that run as processes: the directory and the package for runs of sweeps."""

import shutil
from pathlib import Path
from typing import Final

from fairlane_client.sweeps.vendor import vendor
from fairlane_local.errors import LocalAwsError
from fairlane_local.processes.instance import check_namespaces

TOY: Final = Path("examples", "toy")
"""Directory of the training script in the folder of the CDK app."""
IMAGE: Final = "training/toy"
_BUILD: Final = Path("build", "toy")


def obstacle(directory: Path) -> str:
    """Return the reason why the toy cannot train on this computer. Empty if it can."""
    if not (directory / TOY).is_dir():
        return "this folder does not contain it"
    try:
        check_namespaces()
    except LocalAwsError as error:
        return str(error)
    return ""


def build_image(directory: Path) -> Path:
    """Copy the toy and `fairlane_run` into the folder `build` of the CDK app, and return the absolute path."""
    image = (directory / _BUILD).resolve()
    shutil.copytree(directory / TOY, image, ignore=shutil.ignore_patterns("__pycache__", ".venv"), dirs_exist_ok=True)
    vendor(image)
    return image
