"""Results of a back-test as a table, lines of text, JSON and an HTML page."""

import math
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from fairlane._charts.page import charts_page
from fairlane.rehearsal.backtest.charts import use_chart, waits_chart
from fairlane.rehearsal.backtest.comparison import Error, ShareComparison
from fairlane.rehearsal.backtest.fit import BackTest, Trial
from fairlane.rehearsal.backtest.weeks import EPOCH, Week
from fairlane.rehearsal.report.table import NONE, FittedTable, duration
from fairlane.rehearsal.sensitivity import Choice
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies

MOST_SHARES: Final = 10
"""Maximum number of shares in the table and on the page."""
COLUMNS: Final = (
    "Share",
    "Jobs",
    *("Wait, real", "Wait, rehearsed", "Wait, bias", "Wait, error", "Wait, correlation"),
    *("Use, real", "Use, rehearsed", "Use, error", "Use, correlation"),
)
_LEAST_IMPORTANT: Final = ("Use, correlation", "Use, error", "Wait, correlation", "Wait, bias")
_HEADER: Final = (
    "Past jobs in a simulation of their job queue, beside what really happened. A wait is the time from the submission "
    "of a job to its last start. Errors are mean absolute differences: of the waits of jobs, and of the hourly means "
    "of the capacity in use."
)


def table_rows(test: BackTest) -> Iterator[list[str]]:
    """Yield the rows of the table: all jobs, and the shares with the most jobs."""
    yield _row("all", test.total)
    for share in _shown(test):
        yield _row(share.name or "(none)", share)


def error_table(test: BackTest) -> FittedTable:
    """Return the table of a back-test, for a terminal. A narrow terminal does not show all columns."""
    return FittedTable(COLUMNS, [*table_rows(test)], _LEAST_IMPORTANT, names=1)


def lines(test: BackTest) -> Iterator[str]:
    """Yield the sentences about a back-test: the fit, the shares that are not shown, and the weeks without a reason."""
    best, given = test.best, test.given
    yield f"start-up time that fits best: {duration(best.start_up_seconds)}"
    changed = [
        str(Choice(field.name, getattr(best.strategies, field.name)))
        for field in fields(Strategies)
        if getattr(best.strategies, field.name) != getattr(given.strategies, field.name)
    ]
    yield f"strategies that fit best: {', '.join(changed) or 'the given ones'}"
    if best.score < given.score:
        yield (
            f"mean absolute error of the waits: {duration(best.wait.absolute)}; "
            f"with the given strategies and no start-up time {duration(given.wait.absolute)}"
        )
    if test.fitting:
        yield f"no difference for these jobs: {', '.join(test.fitting)}"
    worse = [(name, trial) for name, trial in test.alternatives.items() if name not in test.fitting]
    if worse:
        yield f"worse: {', '.join(f'{name} ({_error_text(trial, best)})' for name, trial in worse)}"
    if best.never_ran:
        yield f"jobs that never run in the rehearsal, because they need too much: {best.never_ran:,}"
    if len(test.shares) > MOST_SHARES:
        yield f"{MOST_SHARES} of {len(test.shares):,} shares are shown; JSON has all"
    for week in test.unexplained:
        yield _week_line(week)


def to_json(test: BackTest) -> dict[str, Any]:
    """Return all numbers of a back-test. Times are seconds, use is in units of the capacity."""
    return {
        "capacity": test.capacity,
        "best": _trial(test.best),
        "given": _trial(test.given),
        "alternatives": {name: _trial(trial) for name, trial in test.alternatives.items()},
        "total": _share(test.total),
        "shares": {name: _share(share) for name, share in test.shares.items()},
        "weeks": [
            {
                "start": week.start,
                "jobs": week.jobs,
                "real_wait_seconds": week.real,
                "rehearsed_wait_seconds": week.rehearsed,
                "explained": week.is_explained,
                "use_while_waiting": week.use,
                "lacked_capacity": week.lacked_capacity,
            }
            for week in test.weeks
        ],
    }


def render_page(test: BackTest, trace: Trace, *, title: str) -> str:
    """Render a back-test as an HTML page that needs no network.

    Args:
        test: Back-test.
        trace: Its past jobs.
        title: Title of the page.
    """
    sections = [
        (label, [use_chart(share), waits_chart(trace, test.best.runs, name)])
        for label, name, share in [
            ("all jobs", None, test.total),
            *((share.name or "(none)", share.name, share) for share in _shown(test) if len(test.shares) > 1),
        ]
    ]
    figures = {
        f"chart-{number}-{chart.kind}": chart.figure
        for number, (_, charts) in enumerate(sections)
        for chart in charts
        if chart.figure
    }
    return charts_page(
        "fairlane.rehearsal.backtest",
        "report.html.j2",
        figures=figures,
        title=title,
        header=_HEADER,
        columns=COLUMNS,
        rows=[*table_rows(test)],
        notes=[*lines(test)],
        sections=sections,
    )


def _shown(test: BackTest) -> list[ShareComparison]:
    return sorted(test.shares.values(), key=lambda share: -share.jobs)[:MOST_SHARES]


def _row(label: str, share: ShareComparison) -> list[str]:
    wait, use = share.wait, share.use
    waits = [NONE] * 5
    if wait.number:
        sign = "+" if wait.bias >= 0.5 else "-" if wait.bias <= -0.5 else ""
        bias = f"{sign}{duration(abs(wait.bias))}"
        waits = [*map(duration, (wait.real, wait.rehearsed)), bias, duration(wait.absolute), _correlation(wait)]
    uses = [f"{number:,.1f}" for number in (use.real, use.rehearsed, use.absolute)]
    return [label, f"{share.jobs:,}", *waits, *uses, _correlation(use)]


def _correlation(error: Error) -> str:
    return NONE if error.correlation is None else f"{error.correlation:.2f}"


def _error_text(trial: Trial, best: Trial) -> str:
    """Return the error of a trial, with the number of jobs that never run if more do than in the best trial."""
    more = f", {trial.never_ran:,} jobs never run" if trial.never_ran > best.never_ran else ""
    return f"{duration(trial.wait.absolute)}{more}"


def _week_line(week: Week) -> str:
    if week.start >= EPOCH:
        name = f"the week from {datetime.fromtimestamp(week.start, UTC):%Y-%m-%d}"
    else:
        name = f"the week from day {math.floor(week.start / 86_400)}"
    rehearsed = "none of them ran" if week.rehearsed is None else f"{duration(week.rehearsed)} in the rehearsal"
    text = f"no strategy explains {name}: the mean wait of {week.jobs:,} jobs was {duration(week.real)}, {rehearsed}"
    if week.lacked_capacity and week.use is not None:
        return f"{text}; while jobs waited, {100 * week.use:.0f} % of the capacity was in use: AWS may have had no more"
    return text


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "strategies": {field.name: getattr(trial.strategies, field.name) for field in fields(Strategies)},
        "start_up_seconds": trial.start_up_seconds,
        "never_ran": trial.never_ran,
        "wait_seconds": _error(trial.wait),
    }


def _share(share: ShareComparison) -> dict[str, Any]:
    return {
        "jobs": share.jobs,
        "never_ran": share.never_ran,
        "wait_seconds": _error(share.wait),
        "hourly_use": _error(share.use),
    }


def _error(error: Error) -> dict[str, Any]:
    return {
        "number": error.number,
        "real": error.real,
        "rehearsed": error.rehearsed,
        "bias": error.bias,
        "mean_absolute_error": error.absolute,
        "correlation": error.correlation,
    }
