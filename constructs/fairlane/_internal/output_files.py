"""Text files that commands write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fairlane.errors import ConfigurationError, Problem


@contextmanager
def open_output(path: Path) -> Iterator[TextIO]:
    """Open a file to write, in UTF-8 and with the line ends of the text.

    Raises:
        ConfigurationError: If the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise ConfigurationError(str(path), [Problem.relation((), write_mistake(path, error))]) from error


def write_mistake(path: Path, error: OSError) -> str:
    """Return the sentence about a file that cannot be written."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"there is no folder {path.parent}: create it, or name a file in another folder"
    if isinstance(error, IsADirectoryError):
        return "a folder has this name: name a file"
    return f"the file cannot be written, {error.strerror}: name another file"
