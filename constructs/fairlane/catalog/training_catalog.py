"""Catalog of the instance types of SageMaker training."""

from functools import cache
from importlib.resources import files


@cache
def training_instance_types() -> frozenset[str]:
    """Return the instance types of SageMaker training, from the botocore release that the data file was made from.

    SageMaker adds instance types between releases: treat an instance type that is not in the set as unknown, not as
    wrong.
    """
    return frozenset(files(__package__).joinpath("training_instance_types.txt").read_text().split())
