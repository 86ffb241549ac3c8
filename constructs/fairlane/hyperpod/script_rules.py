"""Rules of a directory of lifecycle scripts of a HyperPod cluster. Imports no aws_cdk."""

import os
from pathlib import Path

from fairlane.errors import Problem


def script_names(directory: object) -> list[str]:
    """Return the names of the scripts in a directory."""
    return (
        [] if directory is None else sorted(entry.name for entry in Path(str(directory)).iterdir() if entry.is_file())
    )


def directory_problems(directory: object) -> list[Problem]:
    """Return the problem of a directory of scripts that does not exist, or whose path is too long."""
    exists = directory is None or (isinstance(directory, str | Path) and os.path.isdir(directory))  # noqa: PTH112
    return [] if exists else [Problem(("lifecycle_scripts",), directory, "a directory that exists")]
