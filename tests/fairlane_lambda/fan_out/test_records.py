"""Records of manifests: CSV against an independent reader, quotes that are left open, and streams in any pieces."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.fan_out.records import MAX_BYTES, Record, read_records

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='",\n'), min_size=1, max_size=6)


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def nested(levels: int) -> str:
    """Return an object with lists in it."""
    return f'{{"a": {"[" * (levels - 1)}{"]" * (levels - 1)}}}'


def read_csv(content: str | bytes, size: int = 1000) -> list[Record]:
    return [*read_records(pieces(content if isinstance(content, bytes) else content.encode(), size), [])]


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1), st.integers(1, 20), st.booleans())
def test_csv_as_the_reader_of_python_reads_it(rows: list[tuple[str, str]], size: int, crlf: bool) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n" if crlf else "\n").writerows([("a", "b"), *rows])

    records = read_csv(file.getvalue(), size)

    assert [record.problem for record in records] == [""] * len(rows)
    assert [record.fields for record in records] == [dict(zip("ab", row, strict=True)) for row in rows]


@given(st.lists(st.dictionaries(st.text(), st.integers())), st.integers(1, 20))
def test_json_lines_in_any_pieces(objects: list[dict[str, int]], size: int) -> None:
    content = "".join(f"{json.dumps(one)}\r\n\n" for one in objects).encode()

    records = [*read_records(pieces(content, size))]

    assert records == [Record(2 * index + 1, one) for index, one in enumerate(objects)]


@pytest.mark.parametrize(
    "after",
    [
        "",
        "id,x\n" * 20_000,
        '"id","x"\n' * 10,
        'id,"x"\n' * 10,
        "id,x\n" * 10 + 'id,"x"\n',
    ],
)
def test_quote_left_open_on_line_40000_is_named_by_its_line(after: str) -> None:
    content = "id,note\n" + 'id,"two\nlines"\n' * 19_999 + 'id,"open\n' + after

    *records, last = read_csv(content, 65_536)

    assert len(records) == 19_999
    assert not any(record.problem for record in records)
    assert last == Record(40_000, None, "the quote that opens here is left open", is_last=True)


def test_quote_inside_a_cell_opens_nothing() -> None:
    first, second = read_csv('id,note\na,5" disk\nb,"x" y\n')

    assert first.fields == {"id": "a", "note": '5" disk'}
    assert (second.number, second.is_last) == (3, True)
    assert second.problem.startswith("no CSV: ")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes in column 2"),
        ("[1]", "no JSON object"),
        ('{"a": NaN}', "no JSON: NaN is no number of JSON"),
        ('{"a": "\\ud800"}', "half of a surrogate pair in a text"),
        (f'{{"a": {"[" * 20_000}', "nested more than 50 levels deep"),
        (nested(51), "nested more than 50 levels deep"),
        (f'{{"a": "{"x" * MAX_BYTES}"}}', "over 65,536 bytes"),
    ],
)
def test_reading_goes_on_after_a_bad_line(line: str, problem: str) -> None:
    content = f'{{"b": 1}}\n{line}\n{{"c": "\\ud83d\\ude00"}}\n'.encode()

    first, second, third = read_records(pieces(content, 1000))

    assert (first, third) == (Record(1, {"b": 1}), Record(3, {"c": "\U0001f600"}))
    assert second.number == 2
    assert second.problem.startswith(problem)


def test_values_may_have_50_levels() -> None:
    text = nested(50)
    assert [*read_records([text.encode()])] == [Record(1, json.loads(text))]


def test_brackets_in_texts_are_no_levels() -> None:
    fields = {"a": "[" * 60, "b": [{}] * 60}
    assert [*read_records([json.dumps(fields).encode()])] == [Record(1, fields)]
