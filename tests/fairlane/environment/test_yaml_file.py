"""Reader of environment files: limits, encodings, numbers, control characters, merged mappings and lines."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError
from fairlane.environment.yaml_file import YamlFile

MANY_VALUES = "more than 50,000 values, aliases included: use fewer aliases"
MANY_LEVELS = "more than 50 nested levels: use fewer levels"
OUT_OF_RANGE = "invalid YAML: the file has an escape sequence or a YAML version that is out of range"
MANY_ENTRIES = "more than 1,000 entries: use fewer entries"


def read(folder: Path, content: str | bytes) -> YamlFile:
    path = folder / "prod.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return YamlFile(path)


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        YamlFile(path)
    (problem,) = raised.value.problems
    return str(problem)


def bomb(first: str, following: str, *, levels: int = 24, uses: int = 9) -> str:
    """Return mappings or lists that each use the one before `uses` times."""
    lines = [first]
    for level in range(1, levels):
        aliases = ", ".join([f"*x{level - 1}"] * uses)
        lines.append(f"x{level}: &x{level} {following.format(aliases)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (bomb("x0: &x0 [a, a]", "[{0}]"), f"line 1, the file has {MANY_VALUES}"),
        (bomb("x0: &x0 {a: 1}", "{{<<: [{0}]}}"), f"line 1, the file has {MANY_VALUES}"),
        (bomb("x0: &x0 {a: 1}", "{{b: [{0}]}}"), f"line 1, the file has {MANY_VALUES}"),
        ("a: &a [*a]", f"line 1, the file has {MANY_LEVELS}"),
        ("a: &a {<<: *a}", f"line 1, the file has {MANY_LEVELS}"),
        (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 20)}]", "line 1, the values have more than 1,048,576 characters, aliases included: use fewer aliases"),
        ("a:\n  " + "[" * 5000, f"line 2, the file has {MANY_LEVELS}"),
        ("a: " + "{a: " * 51, f"line 1, the file has {MANY_LEVELS}"),
        ("- " * 5000, f"line 1, the file has {MANY_LEVELS}"),
        ("\n".join(" " * level + "a:" for level in range(60)), f"line 50, the file has {MANY_LEVELS}"),
        (bomb("x0: &x0 [a]", "[{0}]", levels=60, uses=1), f"line 1, the file has {MANY_LEVELS}"),
        ("a:\n" + "- \n" * 1001, f"line 1002, the mapping or list has {MANY_ENTRIES}"),
        ("".join(f"k{n}:\n" for n in range(1001)), f"line 1001, the mapping or list has {MANY_ENTRIES}"),
        ("a: &a\n" + "".join(f"  k{n}:\n" for n in range(1000)) + "b: {<<: *a, c: 1}", f"line 1001, the mapping or list has {MANY_ENTRIES}"),
        ("# comment\n" * 110_000, "line 1, the file has more than 1,048,576 characters: divide the environment"),
        ("%YAML 1.1\n---\na: yes", "line 2, YAML 1.1 is not supported: remove the line %YAML"),
        (r'a: "\UFFFFFFFF"', f"line 1, {OUT_OF_RANGE}"),
        (r'a: "\U00110000"', f"line 1, {OUT_OF_RANGE}"),
        (f"%YAML 1.{'1' * 5000}\n---\na: 1", f"line 1, {OUT_OF_RANGE}"),
        ("a: 1\nb: \x07", "line 2, the file has the character '\\x07', which YAML does not accept: remove it"),
        ("a: 1\n".encode("utf-16-le"), "line 1, the file has the character '\\x00', which YAML does not accept: remove it"),
        ("a: 1\n".encode("utf-16"), "line 1, the file is not text in UTF-8: save it in UTF-8"),
        ("a: 1\n".encode("utf-32"), "line 1, the file is not text in UTF-8: save it in UTF-8"),
        ("a: 1\nb: ä\n".encode("latin-1"), "line 2, the file is not text in UTF-8: save it in UTF-8"),
        ("a: *" + "x" * 1000, f"line 1, invalid YAML: found undefined alias '{'x' * 177}"),
        ("a: -_", "line 1, invalid YAML: a value does not fit its type: write it in quotes"),
    ],
    ids=lambda value: str(value)[:30].encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_file_beyond_the_limits_is_refused_with_its_line(tmp_path: Path, text: str | bytes, refused: str) -> None:
    path = tmp_path / "prod.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert refusal(path) == refused


@pytest.mark.parametrize(
    "create",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")],
    ids=["directory", "fifo without writer", "device"],
)
def test_only_regular_files_are_read(tmp_path: Path, create: Callable[[Path], object]) -> None:
    path = tmp_path / "prod.yaml"
    create(path)
    assert refusal(path) == "the file cannot be read: it is not a regular file"


def test_values_are_counted_before_aliases_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.environment.yaml_nodes.MAX_VALUES", 10)
    path = tmp_path / "prod.yaml"
    path.write_text("a: 1\nb: [2, 3, 4, 5, 6, 7, 8]\nc: 10\nd: 11\n}")
    assert refusal(path) == "line 4, the file has more than 10 values, aliases included: use fewer aliases"


def test_limits_count_each_value_once(tmp_path: Path) -> None:
    aliases = ", ".join(["*a"] * 48)
    file = read(tmp_path, f"a: &a {[0] * 999}\nb: [{aliases}]\nc: {'[' * 49}{']' * 49}\n")
    assert len(file.data["b"]) == 48
    assert file.problems == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0o17", 15),
        ("0b11", 3),
        ("0xfF", 255),
        ("017", 17),
        ("1_000", 1000),
        ("-1.5e3", -1500.0),
        ("1e999999", float("inf")),
        ("-.inf", float("-inf")),
        ("0x" + "f" * 5000, float("inf")),
        ("9" * 5000, float("inf")),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("!!str 5", "5"),
        ("١٢", "١٢"),
        ('"\\u00e4"', "ä"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_scalars_have_the_types_of_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    file = read(tmp_path, f"a: {text}\n")
    assert file.data == {"a": value}
    assert type(file.data["a"]) is type(value)
    assert file.problems == []


def test_a_byte_order_mark_and_line_ends_of_windows_are_accepted(tmp_path: Path) -> None:
    file = read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert file.data == {"a": 1, "b": 2}
    assert file.line(("b",)) == 2


@pytest.mark.parametrize("escape", [r"\0", r"\e", r"\ud800", r"\x9b", r"\uffff"])
def test_escaped_control_characters_are_reported_and_replaced(tmp_path: Path, escape: str) -> None:
    file = read(tmp_path, f'a: 1\nb: ["x{escape}y"]\n')
    (problem,) = file.problems
    assert str(problem).startswith("line 2, b[0]: the text has the control character '\\")
    assert file.data == {"a": 1, "b": ["x?y"]}


def test_an_escaped_token_of_the_cdk_is_reported(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, 'a: "$\\x7bToken[TOKEN.1]}"\n').problems
    assert str(problem) == "line 1, a: the AWS CDK reserves the text {Token[ for itself: remove the text"


def test_a_pseudo_parameter_of_cloudformation_is_reported(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, 'a: ["x", "echo ${HOME} ${AWS::Region}"]\n').problems
    assert str(problem) == "line 1, a[1]: AWS CloudFormation does not replace ${AWS:: in a value: write the value"


def test_merged_mappings_come_after_the_keys_of_the_mapping_itself(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
a: &a {x: 1, y: 1}
b: &b {<<: *a, y: 2, z: 2}
c: {<<: [*b, {x: 3, w: 3}], z: 4}
d: {<<: 5, "<<": 6}
""",
    )
    assert file.data["b"] == {"y": 2, "z": 2, "x": 1}
    assert list(file.data["c"].items()) == [("z", 4), ("y", 2), ("x", 1), ("w", 3)]
    assert file.data["d"] == {"<<": 6}
    assert [str(problem) for problem in file.problems] == [
        "line 5, d: << merges only mappings: use an alias of a mapping"
    ]


def test_values_of_an_alias_have_the_lines_of_its_anchor(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &a\n  x:\n  - 1\nb: *a\nc:\n  <<: *a\n")
    lines = {path: file.line(path) for path in [(), ("b",), ("b", "x"), ("b", "x", 0), ("c", "x"), ("c", "none", "no")]}
    assert lines == {(): 1, ("b",): 4, ("b", "x"): 2, ("b", "x", 0): 3, ("c", "x"): 2, ("c", "none", "no"): 5}


def test_the_same_anchor_twice_is_no_mistake(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &a 1\nb: *a\nc: &a 2\nd: *a\n")
    assert file.data == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_collections_with_a_tag_are_reported(tmp_path: Path) -> None:
    file = read(tmp_path, "a: !!set {x}\nb: !foo [1]\nc: !!str {x: 1}\nd: !!map x\ne: !!binary aaaa\n")
    assert file.data == dict.fromkeys("abcde")
    assert [problem.field for problem in file.problems] == [("a",), ("b",), ("c",), ("d",), ("e",)]
