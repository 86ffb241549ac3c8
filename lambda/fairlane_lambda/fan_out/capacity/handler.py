"""Lambda function that writes the capacity of each Region once an hour."""

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from threading import Lock
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.capacity import market, queues
from fairlane_lambda.fan_out.capacity.needs import Needs, find_needs, own_templates
from fairlane_lambda.fan_out.capacity.prices import OnDemandPrices, endpoint_region
from fairlane_lambda.fan_out.capacity.source import read
from fairlane_lambda.fan_out.config import Config, read_config
from fairlane_lambda.fan_out.names import CAPACITY
from fairlane_lambda.fan_out.placement import Idle
from fairlane_lambda.queue_poller.batch import Calls
from fairlane_lambda.queue_poller.pace import Pace

_THREADS: Final = 8
_LATE_SECONDS: Final = 30
_ATTEMPTS: Final = 3
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 10
_client_lock: Final = Lock()


class _Region(NamedTuple):
    """Region with the limits of its queues, and the instance types of its rows."""

    name: str
    limits: Mapping[str, queues.Limits]
    types: frozenset[str]


def handler(event: object, context: Any) -> dict[str, int]:
    """Write an object for each Region: a line of JSON for each instance type and queue.

    The instance types are those that the templates name, and those of the queues' environments. A value whose source
    fails is null, and the other values remain. An object that cannot be written keeps its last content.

    Args:
        event: Not used.
        context: Context of the invocation.

    Returns:
        Number of rows by Region.

    Raises:
        RuntimeError: If an object was not written.
    """
    config = read_config()
    s3 = _client("s3", config.home)
    own: list[str] = read("templates", config.home, lambda: list(own_templates(s3, os.environ["BUCKET"])), [])
    needs = find_needs([config.template, *own])
    capacity = _Capacity(config, needs, lambda: float(context.get_remaining_time_in_millis() / 1000 - _LATE_SECONDS))
    with ThreadPoolExecutor(_THREADS) as threads:
        regions = list(threads.map(capacity.region, config.regions))
        scores = capacity.scores(frozenset(chain.from_iterable(region.types for region in regions)))
        rows = dict(
            zip(config.regions, threads.map(lambda region: capacity.rows(region, scores), regions), strict=True)
        )
    failed = [region for region, lines in rows.items() if not _write(s3, region, lines)]
    counts = {region: len(lines) for region, lines in rows.items()}
    print(json.dumps({"rows": counts, "failed": failed}))
    if failed:
        raise RuntimeError(f"the capacity of {', '.join(failed)} was not written")
    return counts


class _Capacity:
    """Sources of the capacity of all Regions."""

    def __init__(self, config: Config, needs: Needs, seconds_left: Any) -> None:
        self._config, self._needs, self._seconds_left = config, needs, seconds_left
        endpoint = endpoint_region(config.home)
        self._prices = OnDemandPrices(_client("pricing", endpoint), endpoint)

    def region(self, name: str) -> _Region:
        """Return a Region with the limits of its queues."""
        batch = _client("batch", name)
        none: dict[str, queues.Limits] = {}
        limits = read("queues", name, lambda: queues.read_limits(batch, self._config.regions[name]), none)
        own = chain.from_iterable(each.types for each in limits.values())
        return _Region(name, limits, self._needs.types.union(own))

    def scores(self, types: frozenset[str]) -> dict[str, dict[str, int]]:
        """Return the Spot placement scores by instance type of Amazon EC2 and Region."""
        ec2, home, none = _client("ec2", self._config.home), self._config.home, dict[str, int]()
        regions = tuple(self._config.regions)

        def score(name: str) -> dict[str, int]:
            return market.spot_scores(ec2, name, self._needs.instances, regions)

        names = sorted({market.ec2_type(name) for name in types})
        return {name: read(f"Spot placement score of {name}", home, lambda: score(name), none) for name in names}  # noqa: B023

    def rows(self, region: _Region, scores: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
        """Return the rows of a Region."""
        name, types = region.name, region.types
        ec2 = _client("ec2", name)
        names = {market.ec2_type(each) for each in types}
        spot: dict[str, float] = read("Spot prices", name, lambda: market.spot_prices(ec2, names), {}) if names else {}
        free = self._free(region, ec2)
        vcpus: dict[str, int] = read("vCPUs", name, lambda: queues.read_vcpus(ec2, types - _training(types)), {})
        prices = {
            each: read(f"price of {each}", name, lambda: self._prices.price(each, name), None)  # noqa: B023
            for each in types
        }
        updated_at = datetime.fromtimestamp(int(time.time()), UTC).isoformat()
        rows = []
        for queue in self._config.regions[name]:
            limits = region.limits.get(queue)
            use = None if limits is None else self._use(name, queue, limits)
            for each in sorted(types):
                if limits is not None and not limits.takes(each):
                    continue
                idle = Idle() if limits is None else queues.idle(limits, use, each, vcpus.get(each))
                rows.append(
                    {
                        "region": name,
                        "instance_type": each,
                        "on_demand_price": prices[each],
                        "spot_price": spot.get(market.ec2_type(each)),
                        "spot_score": scores[market.ec2_type(each)].get(name),
                        "free_reserved": free(each),
                        "idle": idle.instances,
                        "idle_unit": idle.unit,
                        "queue": queue,
                        "updated_at": updated_at,
                    }
                )
        return rows

    def _free(self, region: _Region, ec2: Any) -> Any:
        """Return the function from an instance type to its free reserved instances. None if they are unknown."""
        name, sagemaker = region.name, _client("sagemaker", region.name)
        plans = read("training plans", name, lambda: market.free_in_plans(sagemaker, self._needs.plans), None)
        has_ec2_types = region.types != _training(region.types)
        reservations: dict[str, int] | None = {}
        if has_ec2_types:
            named = queues.read_reservations(ec2, name, region.limits.values())
            reservations = read("reservations", name, lambda: market.free_in_reservations(ec2, named), None)

        def free(instance_type: str) -> int | None:
            found = plans if instance_type.startswith("ml.") else reservations
            return None if found is None else found.get(instance_type, 0)

        return free

    def _use(self, region: str, queue: str, limits: queues.Limits) -> Any:
        calls = Calls(_client("batch", region), queue, Pace(), self._seconds_left)
        return read(f"use of {queue}", region, lambda: queues.read_use(calls, queue, limits), None)


def _training(types: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in types if name.startswith("ml."))


def _write(s3: Any, region: str, rows: list[dict[str, Any]]) -> bool:
    """Write the rows of a Region. Return False if that failed."""
    body = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    key = f"{CAPACITY}{region}.jsonl"
    return bool(read("PutObject", region, lambda: s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=body), None))


@cache
def _new_client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config as Settings

    settings = Settings(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
    )
    return boto3.client(service, region_name=region, config=settings)


def _client(service: str, region: str) -> Any:
    """Return a boto3 client. Threads cannot create clients at the same time."""
    with _client_lock:
        return _new_client(service, region)
