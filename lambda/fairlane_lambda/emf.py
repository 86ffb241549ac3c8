"""Values of metrics, gathered and printed in CloudWatch's embedded metric format."""

import json
import os

_HERE = os.path.dirname(__file__)  # pathlib would cost a millisecond of cold start
_MOST_VALUES = 100
_WHOLE = 10
_MINUTE = 60_000
_OLDEST = 14 * 24 * 60 * _MINUTE
_AHEAD = 120 * _MINUTE

with open(os.path.join(_HERE, "metrics.json"), encoding="utf-8") as _file:
    _CATALOG = json.load(_file)

NAMESPACE: str = os.environ.get("FAIRLANE_NAMESPACE", _CATALOG["namespace"])
METRICS: dict[str, dict[str, str]] = _CATALOG["metrics"]
"""Every metric by name, as in `metrics.json`, the one source of names, units and dimensions."""

REASONS: dict[str, list[str]] = _CATALOG["reasons"]
"""Every reason that metrics by reason have, by metric."""


class Metrics:
    """Values of metrics, gathered until they are written.

    Values of a metric whose statistic is Sum are added up; of all others every value is kept, so that CloudWatch knows
    their percentiles.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int | None, str, str, str], dict[str, list[float]]] = {}

    def add(
        self,
        name: str,
        value: float,
        *,
        queue: str,
        share: str | None = None,
        reason: str | None = None,
        time: int | None = None,
    ) -> None:
        """Adds a value.

        Args:
            name: a metric of `metrics.json`.
            value: in the metric's unit.
            queue: the name of the job queue.
            share: the share, for a value of a share.
            reason: the reason, for a value by reason.
            time: when it was, in ms since 1970, cut to the minute; by default when it is written.
        """
        key = (
            None if time is None else time - time % _MINUTE,
            queue,
            "Share" if share is not None else "Reason" if reason is not None else "",
            share if share is not None else reason or "",
        )
        values = self._lines.setdefault(key, {}).setdefault(name, [])
        if values and METRICS[name]["statistic"] == "Sum":
            values[0] += value
        else:
            values.append(value)

    def write(self, now_ms: int) -> None:
        """Prints what was added, each line being one JSON object and nothing else, and forgets it.

        Args:
            now_ms: the time of writing. Times that CloudWatch does not take, over 14 days before or two hours after
                it, become this; and times of the minute before, so that the two minutes that a batch comes of share
                their lines.
        """
        lines, self._lines = self._lines, {}
        merged: dict[tuple[int, str, str, str], dict[str, list[float]]] = {}
        now = now_ms - now_ms % _MINUTE
        for (time, queue, dimension, value), metrics in lines.items():
            usable = time is not None and now_ms - _OLDEST < time < now_ms + _AHEAD
            taken = time if time is not None and usable and not 0 <= now - time <= _MINUTE else now
            line = merged.setdefault((taken, queue, dimension, value), {})
            for name, values in metrics.items():
                there = line.setdefault(name, [])
                if there and METRICS[name]["statistic"] == "Sum":
                    there[0] += values[0]
                else:
                    there += values
        for (time, queue, dimension, value), metrics in merged.items():
            _print(time, {"JobQueueName": queue} | ({dimension: value} if dimension else {}), metrics)


def _print(time: int, dimensions: dict[str, str], metrics: dict[str, list[float]]) -> None:
    while metrics:
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": METRICS[name]["unit"]} for name in metrics],
        }
        values = {name: _short(name, some[:_MOST_VALUES]) for name, some in metrics.items()}
        line = {"_aws": {"Timestamp": time, "CloudWatchMetrics": [directive]}, **dimensions, **values}
        print(json.dumps(line, separators=(",", ":")), flush=True)
        metrics = {name: some[_MOST_VALUES:] for name, some in metrics.items() if len(some) > _MOST_VALUES}


def _short(name: str, values: list[float]) -> object:
    """Values as they are printed: times of ten seconds and more as whole seconds, as logs are billed by length."""
    whole = METRICS[name]["unit"] == "Seconds" and METRICS[name]["statistic"] != "Sum"
    numbers = [
        round(value) if (whole and value >= _WHOLE) or value == int(value) else round(value, 3) for value in values
    ]
    return numbers[0] if len(numbers) == 1 else numbers
