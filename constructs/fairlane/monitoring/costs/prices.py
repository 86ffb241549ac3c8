"""List prices of AWS, and the bill for an amount.

`prices.json` has prices in USD: the billed item, its unit, the number of amounts in a unit, the upper end of each tier,
and the address that the price was read from. AWS's own price pages cannot be read without a browser, so the sources are
third parties.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Args:
        item: Billed item.
        quantity: Quantity in a month, in units.
        unit: Unit of the price.
        price: Price of a unit, in USD.
        source: Address that the price was read from.
    """

    item: str
    quantity: float
    unit: str
    price: float
    source: str

    @property
    def usd(self) -> float:
        """Cost of the line in a month, in USD."""
        return self.quantity * self.price


@cache
def price_list() -> dict[str, Any]:
    """Return `prices.json`: the prices by name, their Region, and the month in which they were collected."""
    prices: dict[str, Any] = json.loads(files(__package__).joinpath("prices.json").read_text())
    return prices


def bill_lines(name: str, amounts: Sequence[float]) -> Iterator[Line]:
    """Yield the lines of a bill, one for each tier that any amount reaches.

    Args:
        name: Name of the price.
        amounts: Amount in a month in each Region. Each Region starts at the first tier.
    """
    price = price_list()["prices"][name]
    below = 0.0
    for end, usd in price["tiers"]:
        upto = inf if end is None else end
        inside = sum(min(amount, upto) - below for amount in amounts if amount > below)
        if inside:
            position = "first" if below == 0 else "next"
            tier = f", beyond {below:,.0f}" if upto == inf else f", {position} {upto - below:,.0f}"
            item = price["item"] + (tier if len(price["tiers"]) > 1 else "")
            yield Line(item, inside / price["per"], price["unit"], usd, price["source"])
        below = upto
