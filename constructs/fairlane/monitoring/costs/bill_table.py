"""Bills as plain text of at most 100 columns. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Final
from urllib.parse import urlsplit

from fairlane._internal.tokens import is_token
from fairlane.monitoring.costs.prices import Line, price_list

_WIDTH: Final = 100
_LONGEST_ITEM: Final = 36


def bill_rows(sections: Mapping[str, Sequence[Line]]) -> list[tuple[str, ...]]:
    """Return the rows of a bill: a header, the lines of each section, and the total.

    Args:
        sections: Lines by heading. A heading of no characters has no row.
    """
    rows: list[tuple[str, ...]] = [("", "Quantity", "Unit", "Price", "USD")]
    for heading, lines in sections.items():
        rows += [(heading, "", "", "", "")] if heading else []
        rows += [
            (line.item, trimmed(line.quantity), line.unit, price_text(line.price), f"{line.usd:,.2f}") for line in lines
        ]
        rows += [_total(f"{heading}, total", lines)] if len(sections) > 1 else []
    return [*rows, _total("Total", [line for lines in sections.values() for line in lines])]


def _total(name: str, lines: Sequence[Line]) -> tuple[str, ...]:
    return (name, "", "", "", f"{sum(line.usd for line in lines):,.2f}")


def bill_text(
    title: str, lines: Sequence[Line], tables: Sequence[Sequence[tuple[str, ...]]], assumptions: Sequence[str]
) -> str:
    """Return a bill as text: date and sources of the prices, the tables, and the assumptions.

    Args:
        title: Subject of the bill, without the date of its prices.
        lines: Lines whose sources are named.
        tables: Rows of each table, with a header. The columns of each table are aligned.
        assumptions: Assumptions, each of one or more sentences.
    """
    prices = price_list()
    hosts = ", ".join(dict.fromkeys(str(urlsplit(line.source).hostname) for line in lines))
    origin = "; ".join(filter(None, [hosts, "addresses: fairlane/monitoring/costs/prices.json"]))
    heading = f"{title}, in USD, at list prices of {prices['region']} as of {prices['as_of']}"
    bullets = [fill(text, _WIDTH, initial_indent="- ", subsequent_indent="  ") for text in assumptions]
    blocks = [[heading, fill(f"({origin}):", _WIDTH)], *map(_aligned, tables), ["Assumptions:", *bullets]]
    return "\n\n".join(map("\n".join, blocks))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, for example `2 queues`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def region_name(region: str) -> str:
    """Return the name of a Region, which may be a token."""
    return "a Region known only at deployment" if is_token(region) else region


def trimmed(quantity: float) -> str:
    """Return a quantity without trailing zeros."""
    return f"{quantity:,.{2 if quantity >= 0.1 else 6}f}".rstrip("0").rstrip(".")


def price_text(usd: float) -> str:
    """Return a price with at least two decimals, and with at most ten."""
    return f"{usd:.2f}" if usd == round(usd, 2) else f"{usd:.10f}".rstrip("0")


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield aligned rows: the first and the third column to the left, numbers to the right."""
    shown = [(_shortened(item), *numbers) for item, *numbers in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (
            cell.ljust(width) if index in {0, 2} else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _shortened(item: str) -> str:
    return item if len(item) <= _LONGEST_ITEM else f"{item[: _LONGEST_ITEM - 3]}..."
