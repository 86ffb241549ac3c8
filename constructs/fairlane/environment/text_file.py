"""Field of an environment file that names a text file."""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

MAX_BYTES: Final = 262_144


@dataclass(frozen=True, slots=True)
class TextFile:
    """Text file, by a path relative to the folder of the environment file.

    Attributes:
        path: Path as written.
        text: Content. Empty if the file cannot be read.
        mistake: Sentence that says why the file cannot be read. Empty if it can.
    """

    path: str
    text: str
    mistake: str = ""

    @classmethod
    def read(cls, path: str, directory: FilePath) -> Self:
        """Return a file with its content."""
        file = directory / path
        try:
            if not file.is_file():
                return cls(path, "", f"{path} is no file in {directory}: write a path relative to this file's folder")
            if file.stat().st_size > MAX_BYTES:
                return cls(path, "", f"{path} has more than {MAX_BYTES:,} bytes: use a shorter file")
            return cls(path, file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            return cls(path, "", f"{path} cannot be read as UTF-8, {error}: use another file")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a text, whose value is the file."""
        return core_schema.with_info_after_validator_function(cls._read, core_schema.str_schema())

    @classmethod
    def _read(cls, path: str, info: ValidationInfo) -> Self:
        context: dict[str, FilePath] = info.context or {}
        return cls.read(path, context.get("directory", FilePath()))
