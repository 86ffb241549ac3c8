"""The instance types that SageMaker training has."""

from functools import cache
from importlib.resources import files


@cache
def training_instance_types() -> frozenset[str]:
    """The instance types that SageMaker training knows, as of the botocore release that this data came from.

    New ones appear between releases: treat a type that is not here as unknown, not as wrong.
    """
    return frozenset(files(__package__).joinpath("training_instance_types.txt").read_text().split())
