"""Answer of a comparison of rehearsals: a sentence that names the best for each measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from fairlane.rehearsal.report.summary import Numbers, RehearsalSummary, Summary, has_gpu_hours
from fairlane.rehearsal.report.table import duration

_NEVER: Final = float("inf")
_NO_GROUPS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})


@dataclass(frozen=True)
class _Measure:
    name: str
    best: str
    value: Callable[[RehearsalSummary], float]
    text: Callable[[float], str]


def describe_answer(summary: Summary, groups: Mapping[str, Sequence[str]] = _NO_GROUPS) -> str:
    """Return the comparison of rehearsals as a sentence: the best for each measure, with its distance to the others.

    The measures are the mean wait, the p95 wait of the share that waits longest, the mean slowdown and, if jobs were
    preempted or failed, the lost work. Values that the report shows as the same text are equal. A second sentence has
    the jobs that failed or never ran, because waits and slowdowns do not count jobs that never ran.

    Args:
        summary: Result of `summarize`.
        groups: Names of the rehearsals of each queue, by its name. Only rehearsals of the same queue are compared.
            Default: all are of one queue.
    """
    if len(groups) > 1:
        answers = {
            queue: describe_answer({**summary, "rehearsals": {name: summary["rehearsals"][name] for name in names}})
            for queue, names in groups.items()
        }
        return " ".join(f"{queue}: {answer[0].lower()}{answer[1:]}" for queue, answer in answers.items())
    rehearsals = summary["rehearsals"]
    if not any(_started(numbers["total"]) for numbers in rehearsals.values()):
        return "No job ran."
    parts = [_compare(measure, rehearsals) for measure in _measures(summary)]
    sentence = "; ".join(parts)
    return " ".join([f"{sentence[0].upper()}{sentence[1:]}.", *_left_out(rehearsals)])


def _measures(summary: Summary) -> Iterator[_Measure]:
    rehearsals = summary["rehearsals"].values()
    yield _Measure("the mean wait", "shortest", lambda numbers: _wait(numbers["total"], "mean"), _duration)
    if any(len(numbers["shares"]) > 1 for numbers in rehearsals):
        yield _Measure("the p95 wait of the share that waits longest", "shortest", _worst_p95, _duration)
    yield _Measure("the mean slowdown", "smallest", lambda numbers: numbers["total"]["slowdown"] or _NEVER, _number)
    if any(numbers["total"]["lost_instance_hours"] for numbers in rehearsals):
        key: Final = "lost_gpu_hours" if has_gpu_hours(summary) else "lost_instance_hours"
        name = "the number of lost GPU-hours" if has_gpu_hours(summary) else "the number of lost instance-hours"
        yield _Measure(name, "smallest", lambda numbers: numbers["total"][key] or 0.0, _number)


def _compare(measure: _Measure, rehearsals: Mapping[str, RehearsalSummary]) -> str:
    values = {name: measure.value(numbers) for name, numbers in rehearsals.items()}
    texts = {name: measure.text(value) for name, value in values.items()}
    text = texts[min(values, key=lambda name: values[name])]
    winners = [_with(name) for name in texts if texts[name] == text]
    if len(winners) == len(texts):
        return f"{measure.name} is {text}{' in all rehearsals' * (len(texts) > 1)}"
    if len(winners) > 2:
        winners = [winners[0], f"{len(winners) - 1} others"]
    others = sorted({value: texts[name] for name, value in values.items() if texts[name] != text}.items())
    span = list(dict.fromkeys([others[0][1], others[-1][1]]))
    return f"{measure.name} is {measure.best} {' and '.join(winners)}: {text}, against {' to '.join(span)}"


def _left_out(rehearsals: Mapping[str, RehearsalSummary]) -> Iterator[str]:
    """Yield a sentence about the jobs that failed or never ran, if there are any."""
    counts = {
        name: {"never ran": numbers["total"]["never_ran"], "failed": numbers["total"]["failed"]}
        for name, numbers in rehearsals.items()
    }
    for word in ("never ran", "failed"):
        numbers = [count[word] for count in counts.values()]
        if any(numbers):
            each = (
                f"{numbers[0]:,}"
                if len(set(numbers)) == 1
                else ", ".join(f"{count[word]:,} {_with(name)}" for name, count in counts.items())
            )
            yield f"Jobs that {word}: {each}."


def _worst_p95(numbers: RehearsalSummary) -> float:
    return max((_wait(share, "p95") for share in numbers["shares"].values() if _started(share)), default=_NEVER)


def _wait(numbers: Numbers, name: Literal["mean", "p95"]) -> float:
    waits = numbers["wait_seconds"]
    seconds = None if waits is None else waits[name]
    return _NEVER if seconds is None else seconds


def _started(numbers: Numbers) -> bool:
    return numbers["jobs"] > numbers["never_ran"]


def _duration(seconds: float) -> str:
    return "forever" if seconds == _NEVER else duration(seconds)


def _number(value: float) -> str:
    return "unknown" if value == _NEVER else f"{value:,.1f}"


def _with(name: str) -> str:
    return name if name.startswith("with ") else f"with {name}"
