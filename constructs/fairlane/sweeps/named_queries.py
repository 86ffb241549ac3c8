"""Named queries of a sweep store, in the SQL of Athena."""

from typing import Final

from fairlane._internal.athena_queries import NamedQuery

PLACEHOLDER: Final = "SWEEP_ID"
"""Text that stands for the id of the sweep. The partitions of the tables are injected: Athena requires a literal."""

_REPLACE: Final = f"Replace {PLACEHOLDER} by the id of the sweep"
_SWEEP: Final = f"sweep = '{PLACEHOLDER}' AND \"index\" IS NOT NULL"


def _leaderboard(order: str) -> str:
    return (
        'SELECT "index", value, state, parameters, metrics, step, seconds, job\n'
        "FROM results\n"
        f"WHERE {_SWEEP} AND value IS NOT NULL\n"
        f'ORDER BY value {order}, "index"'
    )


NAMED_QUERIES: Final = (
    NamedQuery("leaderboard", f"Results, the largest value first. {_REPLACE}.", _leaderboard("DESC")),
    NamedQuery("leaderboard-minimize", f"Results, the smallest value first. {_REPLACE}.", _leaderboard("ASC")),
    NamedQuery(
        "failures",
        f"Failed attempts, the newest first, and whether the point has a result. {_REPLACE}.",
        'SELECT failed."index", failed.attempt, failed.reason, failed.job, failed.started_at, failed.seconds,\n'
        '  finished."index" IS NOT NULL AS has_result\n'
        f"FROM (SELECT * FROM failures WHERE {_SWEEP}) AS failed\n"
        f'LEFT JOIN (SELECT "index" FROM results WHERE {_SWEEP}) AS finished ON finished."index" = failed."index"\n'
        'ORDER BY failed.started_at DESC, failed."index"',
    ),
    NamedQuery(
        "gpu-hours",
        f"GPU-hours of all attempts by state. {_REPLACE}, and GPUS by the number of GPUs of a run.",
        "SELECT state, count(*) AS attempts, sum(seconds) * GPUS / 3600 AS gpu_hours\n"
        f"FROM (SELECT state, seconds FROM results WHERE {_SWEEP}\n"
        f"  UNION ALL SELECT state, seconds FROM failures WHERE {_SWEEP}) AS attempts\n"
        "GROUP BY state\n"
        "ORDER BY state",
    ),
)
