"""What machines there are. Knows no aws_cdk."""

from functools import cache
from importlib.resources import files

__all__ = ["training_instance_types"]


@cache
def training_instance_types() -> frozenset[str]:
    """The instance types that SageMaker training knows, as of the botocore release that this data came from.

    New ones appear between releases: treat a type that is not here as unknown, not as wrong.
    """
    return frozenset(files(__name__).joinpath("training_instance_types.txt").read_text().split())
