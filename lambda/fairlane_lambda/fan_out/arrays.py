"""Array jobs of a fan-out: lines for containers that share a request, in the format of sweep stores.

`fairlane_run` reads the line of a child, with the parameters of a line of the fan-out.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.lines import Line
from fairlane_lambda.fan_out.names import PLANS
from fairlane_lambda.fan_out.rendering import METRIC, request_mistakes
from fairlane_lambda.training_job import Mistake

CHUNK: Final = 10_000
"""Largest size of an array job."""
MAX_LINE: Final = 4096
"""Largest number of bytes of a line of the manifest of an array job, with its newline."""
MAX_OVERRIDES: Final = 8192
"""Largest number of characters of the container overrides in JSON."""
SETTINGS: Final = "FAIRLANE_SWEEP"
_RESERVED: Final = ("id", "region", "data")
_ETAG: Final = f'"{"0" * 32}"'
_INDEX_BYTES: Final = len('{"index":9999,"parameters":}\n')


class Run(NamedTuple):
    """Run of a line in an array job.

    Attributes:
        digest: Digest of the line.
        id: Id of the line.
        reason: Reason of its placement.
        parameters: Its parameters in JSON.
        earlier: Digest of the withdrawn array job that had the line before. Default: none.
    """

    digest: str
    id: str
    reason: str
    parameters: str
    earlier: str = ""


def run_parameters(line: Line, region: str, data: str | None) -> tuple[str, list[Mistake]]:
    """Return the parameters of a run in JSON, with `id`, `region` and `data` of the line, and their mistakes."""
    own = {"id": line.id, "region": region} | ({} if data is None else {"data": data})
    mistakes = [
        Mistake(("parameters", name), sentence="the fan-out sets it") for name in _RESERVED if name in line.parameters
    ]
    text = json.dumps({**own, **line.parameters}, separators=(",", ":"))
    size = len(text) + _INDEX_BYTES
    if size > MAX_LINE:
        mistakes.append(Mistake(("parameters",), f"{size:,} bytes in JSON", f"at most {MAX_LINE:,} bytes"))
    return text, mistakes


class ArrayJob:
    """Array job, or plain job of one run.

    Args:
        manifest: Name of the manifest.
        common: What the runs share: `region`, `queue`, `gpus` of one run, `request` and, with a share, `share`.
        runs: Runs, at most `CHUNK`.

    Attributes:
        digest: Digest of the runs, of what they share and of the withdrawn array jobs that had them before.
        runs: The runs.
        region: Region of the job.
        key: Key of its manifest in the sweep store.
    """

    def __init__(self, manifest: str, common: Mapping[str, Any], runs: Sequence[Run]) -> None:
        self._common, self.runs = common, runs
        withdrawn = sorted({run.earlier for run in runs} - {""})
        text = json.dumps([common, [run.digest for run in runs], *withdrawn], sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.region: str = common["region"]
        self._sweep = f"{manifest}-{self.digest[:16]}"
        self.key = f"sweeps/{self._sweep}/manifests/0000.jsonl"

    def content(self) -> bytes:
        """Return the manifest of the job, with lines of one width."""
        lines = [f'{{"index":{number},"parameters":{run.parameters}}}' for number, run in enumerate(self.runs)]
        width = max(map(len, lines))
        return "".join(f"{line:<{width}}\n" for line in lines).encode()

    def part_line(self, name: str, bucket: str, etag: str, width: int) -> dict[str, Any]:
        """Return the line of the job in the part of its Region.

        Args:
            name: Name of the job.
            bucket: Bucket of the sweep store.
            etag: ETag of its manifest.
            width: Number of bytes of a line of its manifest.
        """
        request = dict(self._common["request"])
        metric, direction = request.pop("metric", METRIC[0]), request.pop("direction", METRIC[1])
        size = len(self.runs)
        settings = {
            "bucket": bucket,
            "sweep": self._sweep,
            "metric": metric,
            "direction": direction,
            "stop": None,
            "manifest": {"key": self.key, "etag": etag, "width": width, "lines": size},
        }
        overrides = dict(request.get("containerOverrides", {}))
        variable = {"name": SETTINGS, "value": json.dumps(settings, separators=(",", ":"))}
        overrides["environment"] = [*overrides.get("environment", []), variable]
        share = {"share": self._common["share"]} if "share" in self._common else {}
        return {
            "digest": self.digest,
            "id": self.id,
            "name": name,
            "kind": "array",
            "queue": self._common["queue"],
            **share,
            "gpus": self._common["gpus"],
            "reason": self.runs[0].reason,
            "request": request
            | {"containerOverrides": overrides}
            | ({"arrayProperties": {"size": size}} if size > 1 else {}),
            "children": [run.id for run in self.runs],
        }

    @property
    def id(self) -> str:
        """Name of the job for people."""
        first = self.runs[0].id
        return first if len(self.runs) == 1 else f"{len(self.runs)} lines from {first}"

    def mistakes(self, name: str, bucket: str) -> Iterator[Mistake]:
        """Yield the limits that the request is above."""
        request = self.part_line(name, bucket, _ETAG, MAX_LINE)["request"]
        size = len(json.dumps(request["containerOverrides"]))
        if size > MAX_OVERRIDES:
            yield Mistake(
                ("containerOverrides",), f"{size:,} characters in JSON", f"at most {MAX_OVERRIDES:,} characters"
            )
        yield from request_mistakes({**request, "jobName": name})

    def membership(self, part_line: Mapping[str, Any]) -> bytes:
        """Return the list of the lines of the job: its part line, then digest and id of each line."""
        rows = [json.dumps({"region": self.region, "line": part_line}, separators=(",", ":"))]
        rows += [json.dumps([run.digest, run.id]) for run in self.runs]
        return "".join(f"{row}\n" for row in rows).encode()


def members_key(manifest: str, digest: str) -> str:
    """Return the key of the list of the lines of an array job."""
    return f"{PLANS}{manifest}/arrays/{digest}.jsonl"
