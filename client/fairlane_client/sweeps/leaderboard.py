"""Results of a sweep, and their leaderboard."""

import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from fairlane_client.sweeps.bucket import Bucket
from fairlane_client.sweeps.layout import Layout
from fairlane_client.sweeps.stores import CONNECTIONS

Result = Mapping[str, Any]
_STATES: Final = ("SUCCEEDED", "STOPPED")
_COLUMNS: Final = ("rank", "index", "state", "seconds")


class Results:
    """Results of a sweep. A second read gets only new objects.

    Args:
        bucket: Bucket of the store.
        layout: Keys of the sweep.

    Attributes:
        skipped: Keys of the objects that are no results, for example half-written ones.
    """

    def __init__(self, bucket: Bucket, layout: Layout) -> None:
        self.skipped: tuple[str, ...] = ()
        self._bucket, self._layout = bucket, layout
        self._read: dict[tuple[str, str], Result | None] = {}

    def indices(self) -> set[int]:
        """Return the indices of the points with a result, from the keys."""
        names = [entry.key.removeprefix(self._layout.results) for entry in self._bucket.list(self._layout.results)]
        stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return {int(stem) for stem in stems if stem.isdecimal() and stem == str(int(stem))}

    def read(self) -> list[Result]:
        """Return all results, in the order of their index."""
        entries = {(entry.key, entry.etag) for entry in self._bucket.list(self._layout.results)}
        new = sorted(entries - self._read.keys())
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            self._read |= dict(zip(new, pool.map(lambda entry: self._result(entry[0]), new), strict=True))
        self.skipped = tuple(sorted(key for key, etag in entries if self._read[key, etag] is None))
        results = [result for entry in entries if (result := self._read[entry]) is not None]
        return sorted(results, key=lambda result: result["index"])

    def _result(self, key: str) -> Result | None:
        """Return a result with its parameters. None if the object is no result of this sweep."""
        found = self._bucket.read(key)
        try:
            record = json.loads(found.body if found else b"")
            name = f"{self._layout.results}{record['index']}.json"
            is_result = key == name and type(record["index"]) is int and record["state"] in _STATES
            if not is_result or not math.isfinite(record["value"] + record["seconds"]):
                return None
            return {**record, "parameters": {**json.loads(record["point"])}}
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            return None


class Leaderboard(Sequence[Result]):
    """Results of a sweep, the best one first. Equal values are in the order of their index.

    Args:
        metric: Metric that the sweep compares.
        direction: `maximize` or `minimize`.
        results: Results of the sweep.
        skipped: Keys of the objects that are no results.
        number: Number of results. Default: all.

    Attributes:
        skipped: Keys of the objects that are no results.
    """

    def __init__(
        self,
        metric: str,
        direction: str,
        results: Sequence[Result],
        skipped: tuple[str, ...] = (),
        number: int | None = None,
    ) -> None:
        sign = -1 if direction == "maximize" else 1
        self._metric = metric
        self._results = sorted(results, key=lambda result: (sign * result["value"], result["index"]))[:number]
        self.skipped = skipped

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for each result: rank, index, metric, parameters, state and seconds.

        A parameter with the name of another column, for example `rank`, is `parameter.rank`.
        """
        columns = {*_COLUMNS, self._metric}
        return [
            {
                "rank": rank,
                "index": result["index"],
                self._metric: result["value"],
                **{f"parameter.{name}" if name in columns else name: x for name, x in result["parameters"].items()},
                "state": result["state"],
                "seconds": result["seconds"],
            }
            for rank, result in enumerate(self._results, 1)
        ]

    def to_pandas(self) -> Any:
        """Return a data frame with the rows."""
        import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

        return pandas.DataFrame(self.rows())

    def __str__(self) -> str:
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        texts = [names, *([_text(row.get(name, "")) for name in names] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = ["  ".join(map(str.rjust, line, widths)) for line in texts] if rows else ["No results."]
        match self.skipped:
            case [key]:
                lines.append(f"Skipped 1 object that is no result: {key}")
            case [key, *_]:
                lines.append(f"Skipped {len(self.skipped)} objects that are no results, for example {key}")
        return "\n".join(lines)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
