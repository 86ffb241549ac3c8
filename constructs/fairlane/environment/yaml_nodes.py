"""Nodes of a YAML 1.2 file, with limits on its size, nesting and characters, so that each file is read fast."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scanner import Scanner

MAX_CHARACTERS: Final = 1024 * 1024
"""Most characters of a file, and of all its values if the values of an alias count at each use."""
MAX_VALUES: Final = 50_000
"""Most values of a file. The values of an alias count at each use."""
MAX_LEVELS: Final = 50
"""Most nested mappings and lists."""
MAX_ENTRIES: Final = 1_000
"""Most entries of a mapping or list. A stack of AWS CloudFormation has at most 500 resources."""
UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML accepts only as an escape sequence, for example control characters."""

_BYTES_OF_CHARACTER: Final = 4
_LONGEST_DETAIL: Final = 200


class YamlError(Exception):
    """File that cannot be read or is not YAML.

    Attributes:
        sentence: Mistake and its correction.
        line: Line of the mistake, from 1. None for a file without text.
    """

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        YamlError: If the file is not a regular file, not text in UTF-8 or too large.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise YamlError("the file cannot be read: it is not a regular file")
        with path.open("rb") as file:
            data = file.read(_BYTES_OF_CHARACTER * MAX_CHARACTERS + 1)
    except OSError as error:
        raise YamlError(f"the file cannot be read: {error.strerror}") from error
    if len(data) <= _BYTES_OF_CHARACTER * MAX_CHARACTERS:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise YamlError("the file is not text in UTF-8: save it in UTF-8", line) from error
        if len(text) <= MAX_CHARACTERS:
            return text.replace("\r\n", "\n")
    raise YamlError(f"the file has more than {MAX_CHARACTERS:,} characters: divide the environment", 1)


def parse(text: str) -> tuple[Any, SafeConstructor]:
    """Return the root node of a YAML document, None if it is empty, and a constructor for its scalars.

    Raises:
        YamlError: If the text is not YAML, or has too many values or levels.
    """
    with _yaml_errors(text):
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner, yaml.Composer = _Scanner, _Composer
        return yaml.compose(text), yaml.constructor


def load_documents(text: str) -> list[Any]:
    """Return the documents of a YAML file as plain values, without empty ones.

    Raises:
        YamlError: If the text is not YAML, or has too many values or levels.
    """
    with _yaml_errors(text):
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner, yaml.Composer = _Scanner, _Composer
        return [document for document in yaml.load_all(text) if document is not None]


@contextmanager
def _yaml_errors(text: str) -> Iterator[None]:
    """Raise the errors of the parser as `YamlError`."""
    if match := UNPRINTABLE.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise YamlError(f"the file has the character {match[0]!a}, which YAML does not accept: remove it", line)
    try:
        yield
    except MarkedYAMLError as error:
        details = ", ".join(filter(None, (error.context, error.problem)))
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlError(f"invalid YAML: {details[:_LONGEST_DETAIL]}", line) from error
    except YAMLError as error:
        raise YamlError("the file is not YAML", 1) from error
    except (OverflowError, ValueError) as error:
        sentence = "invalid YAML: the file has an escape sequence or a YAML version that is out of range"
        raise YamlError(sentence, 1) from error


def too_many_levels(mark: Any) -> YamlError:
    """Return the error of a mapping or list inside too many others."""
    return YamlError(f"the file has more than {MAX_LEVELS} nested levels: use fewer levels", mark.line + 1)


def too_many_values(mark: Any) -> YamlError:
    """Return the error of a value after too many others."""
    sentence = f"the file has more than {MAX_VALUES:,} values, aliases included: use fewer aliases"
    return YamlError(sentence, mark.line + 1)


def too_many_entries(mark: Any) -> YamlError:
    """Return the error of an entry after too many others."""
    sentence = f"the mapping or list has more than {MAX_ENTRIES:,} entries: use fewer entries"
    return YamlError(sentence, mark.line + 1)


class _Scanner(Scanner):
    """Scanner with a limit on nested brackets, because its time grows with the square of their number."""

    def fetch_flow_collection_start(self, *arguments: Any, **keywords: Any) -> None:
        super().fetch_flow_collection_start(*arguments, **keywords)
        if self.flow_level > MAX_LEVELS:
            raise too_many_levels(self.reader.get_mark())


class _Composer(Composer):
    """Composer with limits on levels, values and entries, and without warnings of anchors that are used again."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._levels = 0
        self._values = 0

    def compose_document(self) -> Any:
        event = self.parser.peek_event()
        if event.version not in {None, (1, 2)}:
            version = ".".join(map(str, event.version))
            raise YamlError(f"YAML {version} is not supported: remove the line %YAML", event.start_mark.line + 1)
        return super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.parser.peek_event().start_mark
        self._levels += 1
        self._values += index is not None  # None for a key
        if self._levels > MAX_LEVELS:
            raise too_many_levels(mark)
        if self._values > MAX_VALUES:
            raise too_many_values(mark)
        if parent is not None and len(parent.value) >= MAX_ENTRIES:
            raise too_many_entries(mark)
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node
