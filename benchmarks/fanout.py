"""Fan-out of a manifest compared with a child per line, in one run, in simulated time with calls of 250 ms.

A child of an array job submits one line. AWS Batch starts all children at once, the SDK repeats throttled calls, and
AWS Batch starts a failed child again, up to ten times. Four Regions allow five submissions a second each. `lost`: the
same with 1% of the answers lost. AWS Batch then refuses the token of a repeated call, so the child fails.
"""

import argparse
import heapq
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "lambda"), str(ROOT)]

from botocore.exceptions import ClientError  # noqa: E402
from tests.fairlane_lambda.fan_out.fake_batch import FakeBatch, Rules  # noqa: E402
from tests.fairlane_lambda.fan_out.simulation import Simulation  # noqa: E402
from tests.fairlane_lambda.fan_out.world import REGIONS, Faults, World, manifest_lines  # noqa: E402

LINES, LOST_LINES = 20_000, 2_000
CALL_MS, WRITE_MS = 250, 15
RATE = 5 * len(REGIONS)
LEAST_SHARE = 0.95
MOST_CALLS = 3.2
LOST = 0.01
THROTTLED = 429
SDK_ATTEMPTS, CHILD_ATTEMPTS = 5, 10
LONGEST_BACKOFF_MS, START_MS, TIMEOUT_MS = 20_000, 60_000, 60_000


class Result(NamedTuple):
    """Submission of a manifest.

    Attributes:
        seconds: Simulated seconds.
        calls: Number of calls to AWS.
        jobs: Number of jobs of each line.
    """

    seconds: float
    calls: int
    jobs: list[int]

    def __str__(self) -> str:
        """Return the result as a text."""
        share = sum(map(bool, self.jobs)) / self.seconds / RATE
        return f"{share:.1%} of {RATE} lines a second, {self.calls / len(self.jobs):.2f} calls a line, {self.faults}"

    @property
    def faults(self) -> str:
        """Number of lines without a job and with more than one, as a text."""
        return f"{self.jobs.count(0):,} missing, {sum(number > 1 for number in self.jobs):,} double"


def fan_out(number: int, lost: float, threads: int = 4) -> Result:
    """Return the result of the function `submit`."""
    world = World(faults=Faults(lost=lost), call_ms=CALL_MS, write_ms=WRITE_MS, threads=threads)
    lines = manifest_lines(number)
    names = [line["name"] for line in lines]
    world.run(world.plan("drives", lines))
    return Result(world.seconds(), world.calls.total(), jobs_of(names, world.batches))


def children(number: int, lost: float) -> Result:
    """Return the result of a child per line, with the retries of the SDK and of AWS Batch."""
    simulation, source = Simulation(), random.Random(1)
    start = simulation.now
    batches = {region: FakeBatch(region, simulation, Rules(token_ms=24 * 3600 * 1000)) for region in REGIONS}
    lines = manifest_lines(number)
    queue = [(start + source.randrange(1_000), index, 1, 1) for index in range(number)]
    heapq.heapify(queue)
    calls, end = 0, start
    while queue:
        at, index, attempt, child = heapq.heappop(queue)
        simulation.now = at
        calls += 1
        line = lines[index]
        try:
            # The SDK draws a token for each call and repeats it. A child knows nothing of the earlier one.
            token = f"{index}-{child}"
            batches[line["region"]].submit_service_job(**line["request"], jobName=line["name"], clientToken=token)
        except ClientError as error:
            wait = source.random() * min(LONGEST_BACKOFF_MS, 1_000 * 2**attempt)
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != THROTTLED:
                attempt = SDK_ATTEMPTS
        else:
            end = max(end, at + CALL_MS)
            if source.random() >= lost:
                continue
            wait = TIMEOUT_MS
        if attempt < SDK_ATTEMPTS:
            heapq.heappush(queue, (at + CALL_MS + round(wait), index, attempt + 1, child))
        elif child < CHILD_ATTEMPTS:
            heapq.heappush(queue, (at + START_MS, index, 1, child + 1))
    return Result((end - start) / 1000, calls, jobs_of([line["name"] for line in lines], batches))


def jobs_of(names: list[str], batches: dict[str, FakeBatch]) -> list[int]:
    """Return the number of jobs of each line."""
    return [sum(len(batch.named(name)) for batch in batches.values()) for name in names]


def main() -> int:
    """Print all results, and return 0 if they are within their bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=LINES, help=f"number of lines (default: {LINES:,})")
    number = parser.parse_args().lines
    started = time.perf_counter()
    own = fan_out(number, 0)
    seconds = time.perf_counter() - started
    print(f"fan-out      {number:,} lines: {own} ({own.seconds:,.0f} s, simulated in {seconds:.0f} s)")
    print(f"             at least {LEAST_SHARE:.0%}, at most {MOST_CALLS} calls")
    print(f"one thread   {LOST_LINES:,} lines: {fan_out(LOST_LINES, 0, threads=1)}")
    print(f"children     {number:,} lines: {children(number, 0)}")
    own_lost = fan_out(LOST_LINES, LOST)
    print(f"lost         {LOST_LINES:,} lines, fan-out:  {own_lost.faults}")
    print(f"             {LOST_LINES:,} lines, children: {children(LOST_LINES, LOST).faults}")
    share = number / own.seconds / RATE
    is_exact = {*own.jobs, *own_lost.jobs} == {1}
    return int(not (share >= LEAST_SHARE and own.calls / number <= MOST_CALLS and is_exact))


if __name__ == "__main__":
    sys.exit(main())
