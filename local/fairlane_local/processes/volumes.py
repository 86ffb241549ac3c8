"""Shared directories of processes, which stand for file systems such as Amazon FSx."""

import tempfile
from pathlib import Path


class Volumes:
    """Temporary directories of this computer by key. They exist until `close`."""

    def __init__(self) -> None:
        self._root: tempfile.TemporaryDirectory[str] | None = None
        self._directories: dict[tuple[str, ...], str] = {}

    def directory(self, *key: str) -> str:
        """Return the directory of a key, which is created if necessary."""
        if self._root is None:
            self._root = tempfile.TemporaryDirectory(prefix="fairlane-volumes-", ignore_cleanup_errors=True)
        if key not in self._directories:
            path = Path(self._root.name, str(len(self._directories)))
            path.mkdir()
            self._directories[key] = str(path)
        return self._directories[key]

    def close(self) -> None:
        """Delete all directories."""
        if self._root is not None:
            self._root.cleanup()
        self._root, self._directories = None, {}
