"""Directories and files of a job, opened without links: a link of the job can name a file of the host."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fairlane_local.processes.work import AttemptError


@contextmanager
def open_directory(root: Path, path: str, *, create: bool = False) -> Iterator[Path]:
    """Open a directory of a job, and return a path that names it until the end of the context.

    Args:
        root: Root directory of the job, or another directory that was opened.
        path: Path below the root directory.
        create: True to create the directories that do not exist. Default: False.

    Raises:
        AttemptError: If a part of the path is a link, a file or `..`.
        FileNotFoundError: If the directory does not exist.
    """
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in Path(path.lstrip("/")).parts:
            if part == "..":
                raise AttemptError(f"ClientError: {path} is not a valid path")
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            child = _open_child(descriptor, part, path)
            os.close(descriptor)
            descriptor = child
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def open_file(path: Path) -> BinaryIO | None:
    """Open a regular file in a directory that was opened. Return None if there is none, or something else."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):  # changed meanwhile
            return None
        raise


def write_file(directory: Path, path: str, content: bytes) -> None:
    """Write a file below a directory that was opened, and create the directories of its path.

    Raises:
        AttemptError: If a part of the path is a link or `..`.
    """
    folder, _, name = path.rpartition("/")
    with open_directory(directory, folder, create=True) as parent:
        try:
            descriptor = os.open(parent / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise AttemptError(f"ClientError: {path}: {name} is a symbolic link; use a file") from error
            raise
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _open_child(parent: int, name: str, path: str) -> int:
    try:
        return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            sentence = f"{path}: {name} is a symbolic link or a file"
            raise AttemptError(f"ClientError: {sentence}; the local AWS needs a directory") from error
        raise
