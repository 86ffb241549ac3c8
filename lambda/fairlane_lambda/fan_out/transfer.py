"""Prices of data transfer between Regions. The file `transfer_prices.json` has their dates and sources."""

import json
from pathlib import Path
from typing import Any, Final

_FILE: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("transfer_prices.json").read_text())
_SOURCES: Final[dict[str, float]] = {region: group["dollars"] for group in _FILE["groups"] for region in group["from"]}
_PAIRS: Final[dict[frozenset[str], float]] = {frozenset(pair["between"]): pair["dollars"] for pair in _FILE["pairs"]}

COPY_JOB_DOLLARS: Final[float] = _FILE["copy_job"]["dollars"]
"""Price of a job of S3 Batch Operations in US dollars, without its objects."""


def dollars(source: str, target: str, gigabytes: float) -> float:
    """Return the cost of a transfer in US dollars. A source Region that the file lacks counts as the dearest one.

    Args:
        source: Region of the data. Empty if unknown: then the transfer costs nothing.
        target: Region that reads the data.
        gigabytes: Size of the data.
    """
    if source in ("", target):
        return 0
    price = _PAIRS.get(frozenset((source, target)))
    return gigabytes * (_SOURCES.get(source, max(_SOURCES.values())) if price is None else price)
