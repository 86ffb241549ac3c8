"""Executions of queries, each in a thread of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Final
from uuid import uuid4

from fairlane_local.athena import engine, tables
from fairlane_local.athena.errors import QueryError
from fairlane_local.athena.statements import Statement, TableName
from fairlane_local.athena.values import column_info, to_text
from fairlane_local.simulation import current_simulation

_SLOTS: Final = BoundedSemaphore(2)
"""Number of queries that run at a time. The others are QUEUED."""

_MAX_ROWS: Final = 1_000_000
_INTERRUPT_SECONDS: Final = 0.05
"""Pause between two interrupts. One that comes just before DuckDB starts the query has no effect."""


def _now() -> float:
    return current_simulation().timeline.clock.now()


@dataclass
class Execution:
    """Execution of a query. Moto's lists of executions read it.

    Args:
        location: Account and Region.
        request: Request of StartQueryExecution.
        statement: Query.
        workgroup: Workgroup in moto.
        output: S3 URL of the folder of the result.

    Attributes:
        id: ID of the execution.
        status: State of the execution.
        reason: Reason of a state other than SUCCEEDED.
        scanned: Number of bytes of the objects that were read.
        columns: Metadata of the columns of the result.
        rows: Rows of the result as texts, the names of the columns first.
    """

    location: tuple[str, str]
    request: Mapping[str, Any]
    statement: Statement
    workgroup: Any
    output: str
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "QUEUED"
    reason: str = ""
    scanned: int = 0
    started: float = field(default_factory=_now)
    ended: float | None = None
    columns: Sequence[Mapping[str, Any]] = ()
    rows: list[list[str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.output = f"{self.output.rstrip('/')}/{self.id}.csv"
        self._lock = Lock()
        self._connection: Any = None
        self._thread = Thread(target=self._run, daemon=True)
        self._timeline = current_simulation().timeline

    @property
    def database(self) -> str:
        """Database of tables without one."""
        return str((self.request.get("QueryExecutionContext") or {}).get("Database") or "default").lower()

    def start(self) -> None:
        """Start the query. Time stands until it has ended, unless the clock has the speed of real time."""
        self._timeline.hold()
        self._timeline.work.begin()
        self._thread.start()

    def stop(self) -> None:
        """Cancel the query if it has not ended, and wait until its thread has ended."""
        with self._lock:
            self._end("CANCELLED", "Query cancelled by user")
        while self._thread.is_alive():
            with self._lock:
                if self._connection is not None:
                    self._connection.interrupt()
            self._thread.join(_INTERRUPT_SECONDS)

    def join(self) -> None:
        """Wait until the query has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._execute()
        finally:
            self._timeline.work.end()

    def _execute(self) -> None:
        with _SLOTS:
            with self._lock:
                if self.ended is not None:
                    return
                self.status = "RUNNING"
            try:
                self._answer()
            except QueryError as error:
                state, reason = error.state, str(error)
            except Exception as error:  # any other error of a query must not leave it RUNNING
                state, reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
            else:
                state, reason = "SUCCEEDED", ""
            with self._lock:
                self._end(state, reason)

    def _end(self, status: str, reason: str) -> None:
        if self.ended is None:
            self.status, self.reason, self.ended = status, reason, _now()

    def _answer(self) -> None:
        found = {name: tables.find_table(*self.location, *name) for name in self.statement.tables()}
        selected = self.statement.selected(found)
        parts = {name: [*table.parts(selected[name])] for name, table in found.items()}
        self._scan(parts)
        with engine.connect() as connection:
            with self._lock:
                self._connection = connection
            try:
                for name, table in found.items():
                    self._check_cancelled()
                    engine.load(connection, table, parts[name])
                engine.lock(connection, self.database)
                self._check_cancelled()
                columns, rows = engine.execute(connection, self.statement.to_duckdb())
                self.columns = [column_info(name, kind) for name, kind in columns]
                self.rows.append([name for name, _ in columns])
                for row in rows:
                    self._check_cancelled()
                    if len(self.rows) > _MAX_ROWS:
                        raise QueryError(f"the local AWS returns at most {_MAX_ROWS:,} rows: add a LIMIT")
                    self.rows.append([to_text(value) for value in row])
            finally:
                with self._lock:
                    self._connection = None
        self._check_cancelled()
        tables.put_object(self.output, _to_csv(self.rows))

    def _scan(self, parts: Mapping[TableName, Sequence[tables.Part]]) -> None:
        self.scanned = sum(part.key.size for group in parts.values() for part in group)
        cutoff = self.workgroup.configuration.get("BytesScannedCutoffPerQuery")
        if cutoff and self.scanned > int(cutoff):
            raise QueryError("Bytes scanned limit was exceeded", "CANCELLED")

    def _check_cancelled(self) -> None:
        if self.ended is not None:
            raise QueryError(self.reason, self.status)


def _to_csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Return rows with all values in quotes, and nothing for NULL."""
    quoted = [["" if value is None else '"' + value.replace('"', '""') + '"' for value in row] for row in rows]
    return "".join(f"{','.join(row)}\n" for row in quoted).encode()
