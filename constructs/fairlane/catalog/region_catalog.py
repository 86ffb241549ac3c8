"""Catalog of the Regions with AWS Batch."""

from functools import cache
from importlib.resources import files


@cache
def batch_regions() -> frozenset[str]:
    """Return the Regions with AWS Batch, from the botocore release that the data file was made from.

    AWS opens Regions between releases: treat a Region that is not in the set as unknown, not as wrong.
    """
    return frozenset(files(__package__).joinpath("regions.txt").read_text().split())
