"""Tables of docs/verify.md: facts, and the statements that are unverified. `python -m tests.docs.verify_tables` writes them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from fairlane_client.verify.fact import Fact
from fairlane_client.verify.facts import FACTS
from tests.support import REPOSITORY

PAGE = REPOSITORY / "docs" / "verify.md"
STATEMENT = re.compile(
    r"\bunverified\b|(?<!signatures are )\bnot (?:been )?verified\b|nothing here was verified"
    r"|\bnot (?:been )?(?:run|tested|tried) (?:against|on|in|with)\b|\bhave not (?:run|tested|tried)\b"
    r"|\b(?:was run|ran) on a live cluster",
    re.IGNORECASE,
)
OWN = ("docs/verify.md", "client/fairlane_client/verify/", "constructs/fairlane/cli/verify.py")
ABOUT = ("docs/faq.md", "docs/threat-model.md")
"""Pages that refer to docs/verify.md, and to no fact."""


def files() -> Iterator[str]:
    """Yield the pages and modules that can have statements."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    modules = [
        path
        for root in ("client", "constructs", "lambda", "local", "stacks")
        for path in (REPOSITORY / root).rglob("*.py")
    ]
    for path in sorted([*pages, *modules]):
        name = path.relative_to(REPOSITORY).as_posix()
        if not name.startswith(OWN) and name not in ABOUT:
            yield name


def prose(path: Path) -> str:
    """Return a page, or the docstrings of a module, without line ends."""
    text = path.read_text()
    if path.suffix == ".py":
        if not STATEMENT.search(re.sub(r"\s+", " ", text)):
            return ""
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
        values = [node.value.value for node in nodes if isinstance(node.value, ast.Constant)]
        text = "\n".join(value for value in values if isinstance(value, str))
    return re.sub(r"\s+", " ", text)


def statements(name: str) -> int:
    """Return the number of places in a file that say that something is unverified."""
    return len(STATEMENT.findall(prose(REPOSITORY / name)))


def facts_table() -> str:
    """Return the table of all facts."""
    rows = [f"| `{fact.id}` | {fact.sentence} | {_settled(fact)} |" for fact in FACTS.values()]
    return "\n".join(["| Fact | Sentence | Settled by, or reason why not |", "|---|---|---|", *rows])


def statements_table() -> str:
    """Return the table of the files with statements, and their facts."""
    rows = [f"| {name} | {number} | {_facts(name)} |" for name in files() if (number := statements(name))]
    return "\n".join(["| File | Statements | Facts |", "|---|---|---|", *rows])


def page(text: str) -> str:
    """Return a page with the current tables."""
    for name, table in (("facts", facts_table()), ("statements", statements_table())):
        before, mark, rest = re.split(rf"(<!-- {name}: .*? -->\n)", text, maxsplit=1)
        text = f"{before}{mark}\n{table}\n\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return text


def _settled(fact: Fact) -> str:
    return f"not settled: {fact.reason}" if fact.reason else fact.how


def _facts(name: str) -> str:
    return ", ".join(f"`{fact.id}`" for fact in FACTS.values() if name in fact.stated)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
