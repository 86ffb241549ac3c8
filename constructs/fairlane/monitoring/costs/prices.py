"""List prices, and what an amount of something costs a month.

`prices.json` has prices in USD: of what, of how many units at a time, up to which amount each tier reaches, and where
the price was read. AWS's own pages cannot be read without a browser; the sources are others who have read them.
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
        what: what is paid for.
        quantity: how much of it a month, in units.
        unit: what the price is of.
        price: of a unit, in USD.
        source: the address where the price was read.
    """

    what: str
    quantity: float
    unit: str
    price: float
    source: str

    @property
    def usd(self) -> float:
        """What the line comes to a month."""
        return self.quantity * self.price


@cache
def price_list() -> dict[str, Any]:
    """What `prices.json` says: prices by name, the Region that they are of and the month that they were gathered."""
    prices: dict[str, Any] = json.loads(files(__package__).joinpath("prices.json").read_text())
    return prices


def priced(name: str, amounts: Sequence[float]) -> Iterator[Line]:
    """The lines for amounts of something, one for each tier that any of them reaches.

    Args:
        name: of a price.
        amounts: a month, in each Region; tiers begin anew in each.
    """
    price = price_list()["prices"][name]
    below = 0.0
    for reaches, usd in price["tiers"]:
        upto = inf if reaches is None else reaches
        inside = sum(min(amount, upto) - below for amount in amounts if amount > below)
        if inside:
            where = "first" if below == 0 else "next"
            tier = f", beyond {below:,.0f}" if upto == inf else f", {where} {upto - below:,.0f}"
            what = price["what"] + (tier if len(price["tiers"]) > 1 else "")
            yield Line(what, inside / price["per"], price["unit"], usd, price["source"])
        below = upto
