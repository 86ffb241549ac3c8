"""Rules of the query of a fan-out. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fairlane._internal.checks import check_list, check_repeats, check_text, is_single_resource
from fairlane.errors import Problem

MAX_QUERY_BYTES: Final = 262_144
"""Longest query of Athena."""

_ALLOWED: Final = "the text of one SELECT of Athena"
_PIECE: Final = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/) | (?P<quoted>'[^']*'|"[^"]*") | (?P<open>/\*|'|")""", re.DOTALL | re.VERBOSE
)
_NAMES: Final = {"/*": "comment", "'": "text", '"': "name"}
_SELECT: Final = re.compile(r"[\s(]*(select|with)\b", re.IGNORECASE)
_SOURCES: Final = {
    "query_databases": (
        re.compile(r"[a-z0-9_]{1,255}"),
        "names of Glue databases",
        "the name of a Glue database, 1 to 255 characters of a-z, 0-9 and _",
    ),
    "query_table_buckets": (
        re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        "names of S3 table buckets",
        "the name of an S3 table bucket, 3 to 63 characters of a-z, 0-9 and -",
    ),
    "query_catalogs": (
        re.compile(r"(?=.{1,255}$)[a-z0-9_-]+(/[a-z0-9_-]+)*"),
        "names of catalogs of AWS Glue",
        "the name of a catalog of AWS Glue in a-z, 0-9, - and _, with / before the name of a nested one",
    ),
}
"""Pattern of each name in a list of sources, the names in the plural, and what is allowed."""
_DATA_CATALOG: Final = re.compile(r"[A-Za-z0-9_@-]{1,127}")
_FUNCTION: Final = r"[A-Za-z0-9_-]{1,64}"
_FUNCTION_NAME: Final = re.compile(_FUNCTION)
_FUNCTION_ARN: Final = re.compile(
    rf"arn:[a-z0-9-]+:lambda:(?P<region>[a-z0-9-]+):[0-9]{{12}}:function:{_FUNCTION}(:[A-Za-z0-9_-]+)?"
)


def query_problems(text: object) -> Iterator[Problem]:
    """Yield the problem of a query that is not one SELECT."""
    if not isinstance(text, str):
        yield Problem(("query",), text, _ALLOWED)
        return
    if piece := next((each for each in _PIECE.finditer(text) if each["open"]), None):
        line = text.count("\n", 0, piece.start()) + 1
        sentence = f"the {_NAMES[piece['open']]} that begins with {piece['open']} in line {line} has no end: close it"
        yield Problem.relation(("query",), sentence)
        return
    statement = _statement(text).strip().removesuffix(";").strip()
    if not statement:
        yield Problem(("query",), text, _ALLOWED)
    elif not _SELECT.match(statement):
        yield Problem(("query",), statement.split(maxsplit=1)[0], f"{_ALLOWED}, which begins with SELECT or WITH")
    elif ";" in statement:
        yield Problem.relation(("query",), f"a ; stands before the end: use {_ALLOWED}")
    elif (size := len(text.encode())) > MAX_QUERY_BYTES:
        yield Problem(("query",), f"{size:,} bytes", f"at most {MAX_QUERY_BYTES:,} bytes")


def source_problems(sources: Mapping[str, object], connectors: object, region: str | None) -> Iterator[Problem]:
    """Yield the problems of the sources that a query reads.

    Args:
        sources: Lists of names by the name of their setting.
        connectors: Lambda functions of federated sources by the names of their data catalogs.
        region: Region of the query. None if it is unknown.
    """
    for key, names in sources.items():
        form, plural, allowed = _SOURCES[key]
        problems = list(check_list((key,), names, str, plural))
        yield from problems
        if not problems:
            assert isinstance(names, Sequence)
            for index, name in enumerate(names):
                yield from check_text((key, index), name, form.fullmatch, allowed)
            yield from check_repeats((key,), names, "name")
    if not isinstance(connectors, Mapping):
        allowed = "a mapping of the names of data catalogs of Athena to the Lambda functions of their connectors"
        yield Problem(("query_connectors",), connectors, allowed)
        return
    for catalog, function in connectors.items():
        allowed = "the name of a data catalog of Athena as key, 1 to 127 characters of A-Z, a-z, 0-9, _, @ and -"
        yield from check_text(("query_connectors", str(catalog)), catalog, _DATA_CATALOG.fullmatch, allowed)
        if not is_single_resource(function, _FUNCTION_NAME, _FUNCTION_ARN):
            yield Problem(("query_connectors", str(catalog)), function, "the name or the ARN of a Lambda function")
        elif region and (arn := _FUNCTION_ARN.fullmatch(str(function))) and arn["region"] != region:
            place = f"Region {region}, where the query runs"
            sentence = f"the function is in Region {arn['region']}: use a function in {place}"
            yield Problem.relation(("query_connectors", str(catalog)), sentence)


def _statement(text: str) -> str:
    """Return a query without its comments, and with empty texts and quoted names."""
    return _PIECE.sub(lambda piece: " " if piece["comment"] else "''", text)
