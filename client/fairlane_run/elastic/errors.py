"""Error of an elastic training loop."""


class ElasticError(ValueError):
    """Wrong use of an elastic loop, for example a checkpoint of another global batch."""
