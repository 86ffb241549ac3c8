"""Error of the local AWS."""


class LocalAwsError(RuntimeError):
    """Failure of the local AWS. The message names the cause."""
