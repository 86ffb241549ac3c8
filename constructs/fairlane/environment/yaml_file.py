"""A YAML 1.2 file as plain Python values, with the line of every one of them, and its duplicate keys found."""

from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fairlane.errors import ConfigurationError, Path, Problem


class YamlFile:
    """A parsed YAML file.

    Args:
        path: the file.

    Attributes:
        data: its content, in dict, list, str, int, float, bool and None.
        problems: one for each key that stands twice in one mapping, of which the first counts, and for each line with
            what the CDK would take for one of its tokens.

    Raises:
        ConfigurationError: if it cannot be read, or is no YAML.
    """

    def __init__(self, path: FilePath) -> None:
        self.problems: list[Problem] = []
        problems = self.problems

        class Constructor(RoundTripConstructor):
            def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:
                if key in mapping:
                    line = key_node.start_mark.line + 1
                    problems.append(Problem((str(key),), f"a second {key}", "each key once in a mapping", line))
                    return False
                return True

        parser = YAML(typ="rt", pure=True)
        parser.Constructor = Constructor
        try:
            text = path.read_text(encoding="utf-8")
            self._tree = parser.load(text)
            self.data = _plain(self._tree)
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise ConfigurationError(str(path), [Problem((), error.problem, "YAML", line)]) from error
        except (YAMLError, UnicodeDecodeError) as error:
            raise ConfigurationError(str(path), [Problem((), "a file that is no text", "YAML")]) from error
        except RecursionError as error:
            raise ConfigurationError(
                str(path), [Problem((), "too many levels", "YAML that people can read")]
            ) from error
        except OSError as error:
            raise ConfigurationError(str(path), [Problem((), error.strerror, "a file that can be read")]) from error
        for number, line in enumerate(text.splitlines(), start=1):
            if "{Token[" in line:
                problems.append(Problem((), line.strip(), "a text without {Token[, which means something else", number))

    def line(self, path: Path) -> int | None:
        """The line on which the value at `path` is named, or the innermost there is of those around it."""
        line, node = None, self._tree
        for part in path:
            try:
                position = node.lc.item(part) if isinstance(part, int) else node.lc.key(part)
                line, node = position[0] + 1, node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return line


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node
