"""Command that plans a manifest of so many lines, and prints the peak memory and time of its process.

`python -m tests.fairlane_lambda.fan_out.plan_memory LINES [arrays|known]`
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fairlane_lambda.fan_out.config import parse_config
from fairlane_lambda.fan_out.placement import Placer
from fairlane_lambda.fan_out.plan.images import Images
from fairlane_lambda.fan_out.plan.manifest import Plans, Source
from fairlane_lambda.fan_out.plan.objects import Bucket
from fairlane_lambda.fan_out.plan.queues import Account
from fairlane_lambda.fan_out.plan.scope import Scope
from fairlane_lambda.fan_out.rendering import Template
from fairlane_lambda.fan_out.table import TRANSACTION, Key, Write, pack
from tests.fairlane_lambda.fan_out.plan_account import (
    ACCOUNT,
    BUCKET,
    CONTAINERS,
    HOME,
    REGIONS,
    ROLE,
    STORE,
    TEMPLATE,
    Batch,
    Ecr,
    error,
    line,
)

MANIFEST = "manifests/drives.jsonl"
LAST = "plans/drives/0/lines-0.txt"
_VERSION = {"VersionId": "1", "ETag": "e", "LastModified": datetime.fromtimestamp(0, UTC)}


class Ledger:
    """Ledger in which all lines have a job, or none has."""

    def __init__(self, state: str) -> None:
        self.table, self._state = self, state

    def get(self, _: Key) -> None:
        return None

    def read(self, keys: Iterable[Key]) -> list[dict[str, Any]]:
        return [{"pk": pk, "sk": sk, "state": self._state} for pk, sk in keys] if self._state else []

    def update(self, *_: Any) -> Write:
        return Write(True, {})

    def check(self, *_: Any) -> dict[str, Any]:
        return {}

    def putting(self, item: dict[str, Any], *_: Any) -> dict[str, Any]:
        return pack(item)

    def transact(self, *writes: Any) -> dict[int, Any]:
        assert len(writes) <= TRANSACTION
        return {}

    def put_manifest(self, *_: Any, **__: Any) -> bool:
        return True


class Storage:
    """S3 that makes the manifest as it is read, and keeps small objects only."""

    def __init__(self, content: Iterable[bytes], count: int) -> None:
        self._content, self.count = content, count
        self._objects: dict[str, bytes] = {}
        self.lines = 0

    def get_object(self, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if Key == MANIFEST:
            return {"Body": SimpleNamespace(iter_chunks=lambda _: self._content), **_VERSION}
        if Key == LAST:
            rows = (f"campaign-{number:09} {number:032}\n".encode() for number in range(self.count))
            return {"Body": SimpleNamespace(iter_chunks=lambda _: rows), **_VERSION}
        if Key not in self._objects:
            raise error("NoSuchKey", "GetObject", 404)
        return {"Body": SimpleNamespace(read=lambda: self._objects[Key]), **_VERSION}

    def put_object(self, Key: str, Body: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        if isinstance(Body, bytes):
            if Key.startswith("plans/"):
                self._objects[Key] = Body if len(Body) < 1_000_000 else b""
        else:
            while chunk := Body.read(65_536):
                self.lines += chunk.count(b"\n") if Key.endswith(".jsonl") else 0
        return {"ETag": '"e"'}


def lines(count: int, is_array: bool) -> Iterator[dict[str, Any]]:
    for number in range(count):
        parameters = {f"parameter-{index}": number * index for index in range(8)}
        fields: dict[str, Any] = {"instance_count": None} if is_array else {}
        region = REGIONS[number % 4]
        yield line(f"campaign-{number:09}", region=region, data=f"s3://b/{number}", parameters=parameters, **fields)


DEFINITIONS = [CONTAINERS["jobDefinition"]]


def main(count: int, kind: str) -> None:
    is_array = kind == "arrays"
    text = json.dumps(CONTAINERS if is_array else TEMPLATE)
    storage = Storage((f"{json.dumps(one)}\n".encode() for one in lines(count, is_array)), count)
    regions = {region: {"queues": ["training"]} for region in REGIONS}
    content = {"name": "campaigns", "home": HOME, "template": text, "regions": regions, "job_definitions": DEFINITIONS}
    config = parse_config(json.dumps(content))
    roles = {"search": ROLE}
    template = Template("template", text, roles)
    clients: dict[str, Any] = {"batch": Batch(), "ecr": Ecr()}
    if is_array:
        clients["batch"].containers = {"training"}
        clients["batch"].definitions = [{"revision": 1}]
    scope = Scope(
        config=config,
        manifest="drives",
        retry=False,
        is_csv=False,
        account=ACCOUNT,
        roles=roles,
        template=lambda _: template,
        queues=Account(lambda service, _: clients[service]),
        images=Images(lambda service, _: clients[service], ACCOUNT, HOME),
        placer=Placer(config, {}),
        bucket_region=lambda _: "",
        store=STORE,
    )
    ledger: Any = Ledger("RUNNING" if kind == "known" else "")
    last = {"version": "0", "line_list": LAST, "stopped": False}
    buckets = Bucket(storage, BUCKET), Bucket(storage, STORE)
    plans = Plans({}, *buckets, ledger, text, lambda _copies, _waiting: "", last, lambda: False)
    start = time.monotonic()
    state = plans.plan(Source("drives", MANIFEST), lambda: scope)
    seconds = time.monotonic() - start
    assert state["status"] == "PLANNED", state
    assert sum(entry["lines"] for entry in state["regions"]) == (0 if kind == "known" else count)
    [peak] = [row.split()[1] for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")]
    print(json.dumps({"lines": count, "kind": kind, "megabytes": int(peak) / 1024, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "jobs")
