"""Copies of the package `fairlane_run` beside a Dockerfile."""

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

import fairlane_run
from fairlane.errors import ConfigurationError, Problem

_MARK: Final = "VENDORED"
"""File of a copy with the digest of the other files. A copy that was edited has another digest."""


def vendor(directory: Path) -> str:
    """Copy the package into a directory, and return a sentence on it. A copy of another version is replaced.

    Raises:
        ConfigurationError: If the directory is absent, or has another `fairlane_run` that is no unedited copy.
    """
    if not directory.is_dir():
        raise ConfigurationError(str(directory), [Problem.relation((), "the directory does not exist")])
    source = Path(fairlane_run.__file__).parent
    copy = directory / source.name
    digest = _digest(source)
    if copy.exists():
        if copy.is_dir() and _digest(copy) == digest:
            return f"{copy} is up to date"
        mark = copy / _MARK
        if not mark.is_file() or mark.read_text(encoding="utf-8").split()[-1:] != [_digest(copy)]:
            sentence = "it is no unedited copy of the package: move it away"
            raise ConfigurationError(str(copy), [Problem.relation((), sentence)])
        shutil.rmtree(copy)
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", _MARK))
    (copy / _MARK).write_text(f"fairlane {version('fairlane')} {digest}\n", encoding="utf-8")
    return f"Copied {copy}"


def _digest(folder: Path) -> str:
    """Return a digest of the names and contents of all files, without the mark and compiled modules."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != _MARK and "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()
