"""Error of a query."""


class QueryError(Exception):
    """Failure of a query. The message is the reason that GetQueryExecution returns.

    Attributes:
        state: State of the query: `FAILED` or `CANCELLED`.
    """

    def __init__(self, reason: str, state: str = "FAILED") -> None:
        super().__init__(reason)
        self.state = state
