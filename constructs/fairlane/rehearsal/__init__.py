"""What a policy will do: jobs of a trace, run by a model of AWS Batch. Knows no aws_cdk."""

from importlib import import_module
from typing import TYPE_CHECKING

from fairlane.rehearsal._generating import Load, generate
from fairlane.rehearsal._history import read_history
from fairlane.rehearsal._options import Machines, Strategies, hours, minutes
from fairlane.rehearsal._outcomes import Outcome, Run
from fairlane.rehearsal._queues import QueueSetup, other_queue, read_queue
from fairlane.rehearsal._reading import read_trace
from fairlane.rehearsal._rehearsal import Rehearsal
from fairlane.rehearsal._results import Fairness, ShareResult, Wait
from fairlane.rehearsal._simulator import rehearse
from fairlane.rehearsal._summary import Summary, strategies_in_words, summarize, use_in_words
from fairlane.rehearsal._timeline import Timeline
from fairlane.rehearsal._trace import Job, Trace
from fairlane.rehearsal._writing import write_trace

if TYPE_CHECKING:
    from fairlane.rehearsal._report import report as report
    from fairlane.rehearsal._table import comparison_table as comparison_table

_HOMES = {"comparison_table": "_table", "report": "_report"}

__all__ = [
    "Fairness",
    "Job",
    "Load",
    "Machines",
    "Outcome",
    "QueueSetup",
    "Rehearsal",
    "Run",
    "ShareResult",
    "Strategies",
    "Summary",
    "Timeline",
    "Trace",
    "Wait",
    "comparison_table",
    "generate",
    "hours",
    "minutes",
    "other_queue",
    "read_history",
    "read_queue",
    "read_trace",
    "rehearse",
    "report",
    "strategies_in_words",
    "summarize",
    "use_in_words",
    "write_trace",
]


def __getattr__(name: str) -> object:
    """Loads a name when it is first used: drawing needs an extra."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
