"""YAML 1.2 file as plain Python values, with the lines of its keys."""

import math
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from fairlane.environment.yaml_nodes import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    MAX_LEVELS,
    MAX_VALUES,
    UNPRINTABLE,
    YamlError,
    parse,
    read_text,
    too_many_entries,
    too_many_levels,
    too_many_values,
)
from fairlane.errors import ConfigurationError, Path, Problem

_TAG: Final = "tag:yaml.org,2002:"
_TEXTS: Final = {_TAG + name for name in ("str", "timestamp", "merge", "value")}
_MERGE: Final = _TAG + "merge"
_LONGEST_NUMBER: Final = 1_000
_LONGEST_KEY: Final = 100


class YamlFile:
    """Parsed YAML file.

    Args:
        path: Path of the file.

    Attributes:
        data: Content in dict, list, str, int, float, bool and None. The keys of mappings are texts.
        problems: One problem for each key that a mapping has twice, of which `data` has the first, for each key that is
            not a text and each value with another tag, which `data` lacks, and for each text with control characters
            or with a text that the CDK would take for a token.

    Raises:
        ConfigurationError: If the file cannot be read, is not YAML, or is larger than `MAX_CHARACTERS`, `MAX_VALUES`,
            `MAX_LEVELS` and `MAX_ENTRIES` allow.
    """

    def __init__(self, path: FilePath) -> None:
        self.problems: list[Problem] = []
        self._values = 0
        self._characters = 0
        self._lines: dict[Path, int] = {(): 1}
        try:
            root, self._constructor = parse(read_text(path))
            if root is not None:
                self._lines[()] = _line(root)
                self.data = self._plain(root, ())
            else:
                self.data = None
        except YamlError as error:
            raise ConfigurationError(str(path), [Problem.relation((), error.sentence, error.line)]) from error

    def line(self, path: Path) -> int:
        """Return the line of the key at `path`, or of the innermost key around it that exists."""
        return next(self._lines[path[:length]] for length in range(len(path), -1, -1) if path[:length] in self._lines)

    def has(self, path: Path) -> bool:
        """Return True if the file has a key or list item at `path`."""
        return path in self._lines

    def _plain(self, node: Any, path: Path) -> Any:
        """Return a node and all nodes inside as plain values."""
        self._count(node, len(path) + 1)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            for index, item in enumerate(node.value):
                self._lines[*path, index] = _line(item)
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        return self._refuse_tag(node, path)

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node, is_merged in self._entries(node, path, 1):
            key = self._key(key_node, path)
            if key is None or (key in values and is_merged):
                continue
            if key in values:
                sentence = "the mapping has this key twice: remove one of them"
                self._add_problem((*path, key), sentence, key_node)
                continue
            self._lines[*path, key] = _line(key_node)
            values[key] = self._plain(value_node, (*path, key))
            if len(values) > MAX_ENTRIES:
                raise too_many_entries(key_node.start_mark)
        return values

    def _entries(self, node: Any, path: Path, level: int) -> Iterator[tuple[Any, Any, bool]]:
        """Yield the keys and values of a mapping, then those of mappings that are merged into it, which yield True."""
        merged: list[Any] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, SequenceNode) else [value]
            else:
                yield key, value, False
        for mapping in merged:
            self._count(mapping, level)
            if isinstance(mapping, MappingNode):
                for key, value, _ in self._entries(mapping, path, level + 1):
                    self._count(key, level)
                    yield key, value, True
            else:
                self._add_problem(path, "<< merges only mappings: use an alias of a mapping", mapping)

    def _key(self, node: Any, path: Path) -> str | None:
        """Return the text of a key. None, and a problem, for a key that is not a text."""
        if not isinstance(node, ScalarNode):
            self._add_problem(path, "a key is a list or a mapping: use a text as the key", node)
            return None
        if node.tag not in _TEXTS:
            key = node.value[:_LONGEST_KEY] or "null"
            self._add_problem(path, f"the key {key} is not a text: write it in quotes", node)
            return None
        return self._text(node, path)

    def _scalar(self, node: Any, path: Path) -> Any:
        if node.tag in _TEXTS:
            return self._text(node, path)
        try:
            match node.tag.removeprefix(_TAG):
                case "null":
                    return None
                case "bool":
                    return self._constructor.construct_yaml_bool(node)
                case "int" | "float" if len(node.value) > _LONGEST_NUMBER:
                    return math.inf
                case "int":
                    return self._constructor.construct_yaml_int(node)
                case "float":
                    return self._constructor.construct_yaml_float(node)
        except (KeyError, IndexError, ValueError) as error:
            sentence = "invalid YAML: a value does not fit its type: write it in quotes"
            raise YamlError(sentence, _line(node)) from error
        return self._refuse_tag(node, path)

    def _text(self, node: Any, path: Path) -> str:
        text: str = node.value
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            sentence = f"the values have more than {MAX_CHARACTERS:,} characters, aliases included: use fewer aliases"
            raise YamlError(sentence, _line(node))
        if "{Token[" in text:
            self._add_problem(path, "the AWS CDK reserves the text {Token[ for itself: remove the text", node)
        if "${AWS::" in text:
            self._add_problem(path, "AWS CloudFormation does not replace ${AWS:: in a value: write the value", node)
        if match := UNPRINTABLE.search(text):
            self._add_problem(path, f"the text has the control character {match[0]!a}: remove it", node)
            return UNPRINTABLE.sub("?", text)
        return text

    def _refuse_tag(self, node: Any, path: Path) -> None:
        self._add_problem(path, "values with a YAML tag are not supported: remove the tag", node)

    def _add_problem(self, path: Path, sentence: str, node: Any) -> None:
        self.problems.append(Problem.relation(path, sentence, _line(node)))

    def _count(self, node: Any, level: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_many_values(node.start_mark)
        if level > MAX_LEVELS:
            raise too_many_levels(node.start_mark)


def _line(node: Any) -> int:
    line: int = node.start_mark.line + 1
    return line
