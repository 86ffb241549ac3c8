"""Lines of a manifest and runs of its array jobs, in a temporary database: memory does not grow with the manifest."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from fairlane_lambda.fan_out.arrays import Run
from fairlane_lambda.fan_out.plan.past import Earlier

_SCHEMA = """
CREATE TABLE lines (id TEXT PRIMARY KEY, digest TEXT, number INTEGER) WITHOUT ROWID;
CREATE TABLE last_lines (id TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID;
CREATE TABLE arrays (job TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE jobs (number INTEGER PRIMARY KEY, request TEXT UNIQUE);
CREATE TABLE runs (job INTEGER, number INTEGER, digest TEXT, id TEXT, reason TEXT, parameters TEXT, earlier TEXT,
  size INTEGER, stays INTEGER, PRIMARY KEY (job, number))
WITHOUT ROWID;
"""
_CACHE = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;"


class Index:
    """Index of one plan."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a temporary file
        self._database.executescript(_CACHE + _SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    def add_line(self, identifier: str, digest: str, number: int) -> int | None:
        """Add a line of the manifest. Return the number of the line that has its id already, if one has."""
        try:
            self._database.execute("INSERT INTO lines VALUES (?, ?, ?)", (identifier, digest, number))
        except sqlite3.IntegrityError:
            row = self._one("SELECT number FROM lines WHERE id = ?", identifier)
            return int(row[0])
        return None

    def lines(self) -> Iterator[str]:
        """Yield the list of the lines: id and digest of each."""
        for row in self._database.execute("SELECT id, digest FROM lines"):
            yield " ".join(row)

    def add_last_lines(self, rows: Iterable[str]) -> None:
        """Add a part of the list of the lines of the last version."""
        self._database.executemany("INSERT OR IGNORE INTO last_lines VALUES (?, ?)", map(str.split, rows))

    def is_changed(self, identifier: str, digest: str) -> bool:
        """Return True if the line of the last version with an id has another digest."""
        return self._one("SELECT 1 FROM last_lines WHERE id = ? AND digest <> ?", identifier, digest) is not None

    def removed(self) -> int:
        """Return the number of ids that the last version has and the manifest has not."""
        return int(self._one("SELECT count(*) FROM last_lines WHERE id NOT IN (SELECT id FROM lines)")[0])

    def add_array(self, job: str) -> None:
        """Add the digest of an array job that has lines of the manifest."""
        self._database.execute("INSERT OR IGNORE INTO arrays VALUES (?)", (job,))

    def arrays(self) -> Iterator[str]:
        """Yield the digests of the array jobs in order."""
        for (job,) in self._database.execute("SELECT job FROM arrays ORDER BY job"):
            yield job

    def add_run(self, request: str, run: Run, earlier: Earlier, *, stays: bool) -> None:
        """Add a run of a new array job.

        Args:
            request: Request that all runs of the job share, in JSON.
            run: Run.
            earlier: Earlier plan of the line.
            stays: True if the line can stay in the array job of that plan.
        """
        self._database.execute("INSERT OR IGNORE INTO jobs (request) VALUES (?)", (request,))
        row = self._one("SELECT number FROM jobs WHERE request = ?", request)
        self._database.execute(
            "INSERT INTO runs SELECT ?1, coalesce(max(number) + 1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8 "
            "FROM runs WHERE job = ?1",
            (row and row[0], *run, earlier.size, stays),
        )

    def whole_arrays(self) -> set[str]:
        """Return the array jobs of earlier plans whose lines were all added as runs that can stay in them."""
        rows = self._database.execute(
            "SELECT earlier FROM runs WHERE stays GROUP BY earlier HAVING count(*) = max(size)"
        )
        return {job for (job,) in rows}

    def delete_runs(self, arrays: Iterable[str]) -> None:
        """Delete the runs that array jobs of earlier plans have."""
        query = "DELETE FROM runs WHERE earlier IN (SELECT value FROM json_each(?))"
        self._database.execute(query, (json.dumps([*arrays]),))

    def runs(self, size: int) -> Iterator[tuple[str, list[Run]]]:
        """Yield new array jobs: their request and at most so many runs, in the order in which they were added."""
        for number, request in self._database.execute("SELECT number, request FROM jobs ORDER BY number").fetchall():
            last = -1
            while rows := self._database.execute(
                "SELECT number, digest, id, reason, parameters, earlier FROM runs WHERE job = ? AND number > ? "
                "ORDER BY number LIMIT ?",
                (number, last, size),
            ).fetchall():
                yield request, [Run(*row[1:]) for row in rows]
                last = rows[-1][0]

    def _one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()
