"""Ids of a manifest and digests of its ledger, in a temporary database: memory does not grow with the manifest."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fairlane_lambda.fan_out.arrays import Run

_SCHEMA = """
CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;
CREATE TABLE known (digest TEXT PRIMARY KEY, id TEXT, state TEXT, region TEXT, reason TEXT) WITHOUT ROWID;
CREATE TABLE members (digest TEXT PRIMARY KEY, id TEXT, job TEXT, child INTEGER, region TEXT, reason TEXT)
WITHOUT ROWID;
CREATE TABLE children (job TEXT, child INTEGER, state TEXT, PRIMARY KEY (job, child)) WITHOUT ROWID;
CREATE TABLE jobs (number INTEGER PRIMARY KEY, request TEXT UNIQUE);
CREATE TABLE runs (job INTEGER, number INTEGER, digest TEXT, id TEXT, reason TEXT, parameters TEXT, planned TEXT,
  PRIMARY KEY (job, number))
WITHOUT ROWID;
"""
_CACHE = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;"


class Known(NamedTuple):
    """Line in the ledger.

    Attributes:
        state: State of its job.
        region: Region of its job.
        reason: Reason of its placement.
    """

    state: str
    region: str
    reason: str


class Planned(NamedTuple):
    """Array job of an earlier plan.

    Attributes:
        job: Digest of the job.
        region: Region of the job.
        reason: Reason of its placement.
    """

    job: str
    region: str
    reason: str


class Index:
    """Index of one plan."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a temporary file
        self._database.executescript(_CACHE + _SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    def add_known(self, digest: str, identifier: str, known: Known) -> None:
        """Add a line of the ledger."""
        self._database.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?)", (digest, identifier, *known))

    def add_child(self, job: str, child: int, state: str) -> None:
        """Add the state of a child of an array job."""
        self._database.execute("INSERT OR REPLACE INTO children VALUES (?, ?, ?)", (job, child, state))

    def add_members(self, planned: Planned, members: Iterable[tuple[str, str]]) -> None:
        """Add the lines of an array job, as digest and id, in the order of its children."""
        job, region, reason = planned
        rows = ((digest, identifier, job, child, region, reason) for child, (digest, identifier) in enumerate(members))
        self._database.executemany("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?)", rows)

    def link_members(self) -> None:
        """Give the lines of array jobs the states of their children.

        An array job fails with any of its children. A child without news is not failed for that reason. A job of one
        line is no array job: its state is that of the line.
        """
        self._database.execute(
            "INSERT OR REPLACE INTO known SELECT members.digest, members.id, coalesce(children.state, "
            "CASE WHEN known.state = 'FAILED' AND sizes.lines > 1 THEN 'RUNNABLE' ELSE known.state END), "
            "known.region, known.reason FROM members JOIN known ON known.digest = members.job "
            "JOIN (SELECT job, count(*) AS lines FROM members GROUP BY job) AS sizes ON sizes.job = members.job "
            "LEFT JOIN children ON children.job = members.job AND children.child = members.child"
        )
        self._database.execute("DELETE FROM known WHERE digest IN (SELECT job FROM members)")
        self._database.execute("CREATE INDEX known_ids ON known (id)")

    def known(self, digest: str) -> Known | None:
        """Return a line of the ledger. None if it has no such line."""
        row = self._one("SELECT state, region, reason FROM known WHERE digest = ?", digest)
        return row and Known(*row)

    def planned(self, digest: str) -> Planned | None:
        """Return the array job that has a line. None if none has it."""
        row = self._one("SELECT job, region, reason FROM members WHERE digest = ?", digest)
        return row and Planned(*row)

    def has_id(self, identifier: str) -> bool:
        """Return True if the ledger has a line with an id."""
        return self._one("SELECT 1 FROM known WHERE id = ? LIMIT 1", identifier) is not None

    def add_id(self, identifier: str, line: int) -> int | None:
        """Add an id of the manifest. Return the line that has it already, if one has."""
        try:
            self._database.execute("INSERT INTO ids VALUES (?, ?)", (identifier, line))
        except sqlite3.IntegrityError:
            row = self._one("SELECT line FROM ids WHERE id = ?", identifier)
            return int(row[0])
        return None

    def removed(self) -> int:
        """Return the number of ids that the ledger has and the manifest has not."""
        row = self._one("SELECT count(DISTINCT id) FROM known WHERE id NOT IN (SELECT id FROM ids)")
        return int(row[0]) if row else 0

    def add_run(self, request: str, run: Run, planned: str = "") -> None:
        """Add a run of a new array job.

        Args:
            request: Request that all runs of the job share, in JSON.
            run: Run.
            planned: Digest of the array job of an earlier plan that has the run already. Default: none.
        """
        self._database.execute("INSERT OR IGNORE INTO jobs (request) VALUES (?)", (request,))
        row = self._one("SELECT number FROM jobs WHERE request = ?", request)
        self._database.execute(
            "INSERT INTO runs SELECT ?1, coalesce(max(number) + 1, 0), ?2, ?3, ?4, ?5, ?6 FROM runs WHERE job = ?1",
            (row and row[0], *run, planned),
        )

    def whole_arrays(self) -> set[str]:
        """Return the array jobs of earlier plans of which all lines were added as their runs."""
        rows = self._database.execute(
            "SELECT planned FROM (SELECT planned, count(*) AS lines FROM runs WHERE planned <> '' GROUP BY planned) "
            "JOIN (SELECT job, count(*) AS size FROM members GROUP BY job) ON job = planned AND size = lines"
        )
        return {job for (job,) in rows}

    def delete_runs(self, planned: Iterable[str]) -> None:
        """Delete the runs that array jobs of earlier plans have."""
        query = "DELETE FROM runs WHERE planned IN (SELECT value FROM json_each(?))"
        self._database.execute(query, (json.dumps([*planned]),))

    def runs(self, size: int) -> Iterator[tuple[str, list[Run]]]:
        """Yield new array jobs: their request and at most so many runs, in the order in which they were added."""
        for number, request in self._database.execute("SELECT number, request FROM jobs ORDER BY number").fetchall():
            last = -1
            while rows := self._database.execute(
                "SELECT number, digest, id, reason, parameters FROM runs WHERE job = ? AND number > ? "
                "ORDER BY number LIMIT ?",
                (number, last, size),
            ).fetchall():
                yield request, [Run(*row[1:]) for row in rows]
                last = rows[-1][0]

    def _one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()
