"""Folder with checkpoints, of which the latest one is always whole. Requires no PyTorch.

    latest                       name of the latest whole checkpoint, replaced atomically
    step-0000000010/             whole checkpoint after 10 steps
    partial-0000000020-1f5c09ab/ checkpoint that is being written or deleted, or that a kill left behind

The file system must be shared by all instances and rename folders atomically, for example Amazon FSx for Lustre or
Amazon EFS. A mounted bucket renames no folders.
"""

from __future__ import annotations

import os
import shutil

from fairlane_run.elastic.errors import ElasticError

LATEST = "latest"


class CheckpointFolder:
    """Folder with the checkpoints of a job. One process calls `begin`, `commit` and `latest` for all.

    Args:
        path: Path of the folder. It is created if necessary.
        keep: Number of whole checkpoints that remain, 1 or more. Default: 2.
    """

    def __init__(self, path: str | os.PathLike[str], *, keep: int = 2) -> None:
        if keep < 1:
            raise ElasticError(f"keep: got {keep}, allowed: 1 or more")
        self.path = os.fspath(path)
        self.keep = keep
        self._begun = ""

    def begin(self, step: int) -> str:
        """Create the empty folder of a new checkpoint, and return its path. Remains of killed saves are deleted.

        The name is used once, so that a killed job whose last writes arrive late cannot write into this checkpoint.
        """
        os.makedirs(self.path, exist_ok=True)
        for name in os.listdir(self.path):
            if name.startswith("partial-"):
                shutil.rmtree(os.path.join(self.path, name), ignore_errors=True)
        self._begun = self._partial(step)
        os.mkdir(self._begun)
        return self._begun

    def commit(self, step: int) -> str:
        """Make the checkpoint that was begun the latest one, delete all but `keep`, and return its path.

        A kill at any moment leaves the previous checkpoint or this one as the latest. If the latest one has the same
        step, it remains, and the new one is deleted.

        Raises:
            ElasticError: If the latest checkpoint has more steps, or this object has begun none.
        """
        if not self._begun:
            raise ElasticError("commit: call begin of the same CheckpointFolder first")
        begun, name = self._begun, f"step-{step:010}"
        path, latest = os.path.join(self.path, name), self.latest()
        if latest is not None and latest > path:
            raise ElasticError(f"step {step}: {latest} has more steps; load it first, or use another folder")
        if latest == path:
            shutil.rmtree(begun, ignore_errors=True)
            return path
        with open(os.path.join(begun, LATEST), "w", encoding="utf-8") as file:
            file.write(name)
        for part in os.listdir(begun):
            _sync(os.path.join(begun, part))
        _sync(begun)
        if os.path.exists(path):  # of a save whose process was killed before it became the latest
            self._delete(step)
        os.rename(begun, path)
        _sync(self.path)
        os.replace(os.path.join(path, LATEST), os.path.join(self.path, LATEST))
        _sync(self.path)
        saved = self.steps()
        current = [known for known in saved if known <= step][-self.keep :]
        for old in set(saved) - set(current):
            self._delete(old)
        return path

    def latest(self) -> str | None:
        """Return the path of the latest whole checkpoint, or None without one."""
        try:
            with open(os.path.join(self.path, LATEST), encoding="utf-8") as file:
                return os.path.join(self.path, file.read())
        except FileNotFoundError:
            return None

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints, in ascending order."""
        names = os.listdir(self.path) if os.path.isdir(self.path) else []
        return sorted(int(name[5:]) for name in names if name.startswith("step-") and name[5:].isdecimal())

    def _partial(self, step: int) -> str:
        return os.path.join(self.path, f"partial-{step:010}-{os.urandom(4).hex()}")

    def _delete(self, step: int) -> None:
        """Delete a checkpoint. A kill leaves no half checkpoint with the name of a whole one."""
        partial = self._partial(step)
        os.rename(os.path.join(self.path, f"step-{step:010}"), partial)
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path: str) -> None:
    """Write a file or the entries of a folder to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
