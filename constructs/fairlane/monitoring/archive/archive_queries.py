"""Columns of the table of ended jobs, and its named queries, in the SQL of Athena."""

from collections.abc import Mapping
from typing import Final

from fairlane._internal.athena_queries import NamedQuery

TABLE: Final = "jobs"
COLUMNS: Final[Mapping[str, str]] = {
    "job_id": "string",
    "job_name": "string",
    "share": "string",
    "kind": "string",
    "status": "string",
    "reason_class": "string",
    "unit": "string",
    "amount": "bigint",
    "gpus": "bigint",
    "instance_type": "string",
    "priority": "int",
    "created_at": "bigint",
    "started_at": "bigint",
    "stopped_at": "bigint",
    "definition": "string",
    "array_index": "int",
    "nodes": "int",
    "attempts": "array<struct<scheduled_at:bigint,started_at:bigint,stopped_at:bigint,outcome:string,"
    "instance_type:string>>",
    "max_seconds": "bigint",
}
"""Members of a record, without the queue, which is a partition."""

_REPLACE: Final = (
    "Replace QUEUE by the name of the queue, and FIRST_DAY and LAST_DAY by days in UTC such as 2026-11-30: "
    "the days on which the jobs ended"
)
_JOBS: Final = (
    "FROM (SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY stopped_at DESC) AS copy\n"
    "  FROM jobs\n"
    "  WHERE queue = 'QUEUE' AND day BETWEEN 'FIRST_DAY' AND 'LAST_DAY') AS ended\n"
)
"""Ended jobs with the number of the copy: an archive can have a job twice."""
_RUNS: Final = (
    "CROSS JOIN UNNEST(transform(ended.attempts, attempt -> attempt.stopped_at - attempt.started_at))\n"
    "  AS runs(milliseconds)\n"
)

NAMED_QUERIES: Final = (
    NamedQuery(
        "gpu-hours-by-share",
        "GPU-hours of all attempts by share, also of preempted and failed ones, and their cost. Jobs whose GPUs are "
        f"unknown have no GPU-hours: a column has their number. {_REPLACE}. "
        "Replace PRICE by the price of a GPU for one hour.",
        "SELECT ended.share, count(DISTINCT ended.job_id) AS jobs,\n"
        "  sum(runs.milliseconds * ended.gpus) / 3.6e6 AS gpu_hours,\n"
        "  sum(runs.milliseconds * ended.gpus) / 3.6e6 * PRICE AS cost,\n"
        "  count(DISTINCT CASE WHEN ended.gpus IS NULL THEN ended.job_id END) AS jobs_without_gpus\n"
        f"{_JOBS}{_RUNS}"
        "WHERE ended.copy = 1\n"
        "GROUP BY ended.share\n"
        "ORDER BY ended.share",
    ),
    NamedQuery(
        "failures-by-class",
        f"Failed jobs by the class of their failure and by share, the most frequent first. {_REPLACE}.",
        "SELECT reason_class, share, count(*) AS jobs\n"
        f"{_JOBS}"
        "WHERE copy = 1 AND status = 'FAILED'\n"
        "GROUP BY reason_class, share\n"
        "ORDER BY jobs DESC, reason_class, share",
    ),
)
