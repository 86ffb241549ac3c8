"""YAML 1.2 file as plain Python values, with the lines of its keys."""

import json
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fairlane.errors import ConfigurationError, Path, Problem

MAX_CHARACTERS: Final = 1024 * 1024
MAX_VALUES: Final = 50_000
"""Maximum number of values in a file. A value counts once for each use of an alias that contains it."""


class YamlFile:
    """Parsed YAML file.

    Args:
        path: Path of the file.

    Attributes:
        data: Content in dict, list, str, int, float, bool and None. The keys of mappings are texts.
        problems: One problem for each key that a mapping has twice, of which `data` has the first, for each key that is
            not a text and each value with another tag, which `data` lacks, and for each line with a text that the CDK
            would take for a token.

    Raises:
        ConfigurationError: If the file cannot be read, is not YAML, or is larger than 1,048,576 characters or 50,000
            values.
    """

    def __init__(self, path: FilePath) -> None:
        self.problems: list[Problem] = []
        self._count = 0
        problems = self.problems

        class Constructor(RoundTripConstructor):
            def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
                return self.construct_scalar(node)

            def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:
                if isinstance(key, str) and key in mapping:
                    line = key_node.start_mark.line + 1
                    sentence = "the mapping has this key twice: remove one of them"
                    problems.append(Problem.relation((str(key),), sentence, line))
                    return False
                return True

        parser = YAML(typ="rt", pure=True)
        Constructor.add_constructor("tag:yaml.org,2002:timestamp", Constructor.construct_yaml_timestamp)
        parser.Constructor = Constructor
        text = _read(path)
        try:
            self._tree = parser.load(text)
            self.data = self._plain(self._tree, ())
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            details = ", ".join(filter(None, (error.context, error.problem)))
            raise _file_error(path, f"invalid YAML: {details}", line) from error
        except YAMLError as error:
            raise _file_error(path, "the file is not YAML") from error
        except _TooManyValuesError as error:
            sentence = f"the file has more than {MAX_VALUES:,} values, aliases included: use fewer aliases"
            raise _file_error(path, sentence) from error
        except RecursionError as error:
            raise _file_error(path, "the file has too many nested levels") from error
        except (KeyError, ValueError) as error:
            raise _file_error(path, "invalid YAML: a value does not fit its type: write it in quotes") from error
        for number, line in enumerate(text.splitlines(), start=1):
            if "{Token[" in line:
                sentence = "the AWS CDK reserves the text {Token[ for itself: remove the text"
                problems.append(Problem.relation((), sentence, number))

    def _plain(self, node: Any, path: Path) -> Any:
        """Return a node and all nodes inside as plain values."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooManyValuesError
        if isinstance(node, CommentedMap):
            values = {}
            for key, value in node.items():
                if isinstance(key, str):
                    values[str(key)] = self._plain(value, (*path, str(key)))
                else:
                    sentence = f"the key {json.dumps(key, default=str)} is not a text: write it in quotes"
                    self.problems.append(Problem.relation(path, sentence, self.line((*path, key))))
            return values
        if isinstance(node, list):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node)]
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        if node is not None:
            sentence = "values with a YAML tag are not supported: remove the tag"
            self.problems.append(Problem.relation(path, sentence, self.line(path)))
        return None

    def line(self, path: Path) -> int | None:
        """Return the line of the key at `path`, or of the innermost key around it that exists."""
        line, node = None, self._tree
        for part in path:
            try:
                position = node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part)
                line, node = position[0] + 1, node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return line


def _read(path: FilePath) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _file_error(path, "the file is not text in UTF-8", line) from error
    except OSError as error:
        raise _file_error(path, f"the file cannot be read: {error.strerror}") from error
    if len(text) > MAX_CHARACTERS:
        raise _file_error(path, f"the file has more than {MAX_CHARACTERS:,} characters: divide the environment")
    return text


def _file_error(path: FilePath, sentence: str, line: int | None = None) -> ConfigurationError:
    return ConfigurationError(str(path), [Problem.relation((), sentence, line)])


class _TooManyValuesError(Exception):
    """The aliases of a file expand to more than `MAX_VALUES` values."""
