"""Heaps of waiting jobs. A job that leaves from the middle of its heap stays there until it is first.

A heap has sort keys. A set, shared by all heaps, has the keys of jobs that have left. The first key of a heap is never
in the set.
"""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush

from fairlane.scheduler.job_table import ROW_MASK


def push(heap: list[int], key: int, removed: set[int]) -> None:
    """Add a job."""
    if removed and key in removed:
        removed.discard(key)
    else:
        heappush(heap, key)


def pop(heap: list[int], removed: set[int]) -> None:
    """Remove the first job."""
    heappop(heap)
    if removed:
        prune(heap, removed)


def prune(heap: list[int], removed: set[int]) -> None:
    """Remove first jobs that have left."""
    while heap and heap[0] in removed:
        removed.discard(heappop(heap))


def remove(heap: list[int], key: int, removed: set[int]) -> None:
    """Remove a job anywhere in the heap."""
    if heap[0] == key:
        pop(heap, removed)
    else:
        removed.add(key)


def waiting_rows(heap: Iterable[int], removed: set[int]) -> list[int]:
    """Return the rows of all jobs of a heap, in order."""
    return [key & ROW_MASK for key in sorted(heap) if key not in removed]


def renumber(heap: list[int], removed: set[int], rows: Mapping[int, int]) -> None:
    """Replace the rows in the keys of a heap. The new rows have the same order as the old rows."""
    heap[:] = sorted(key - (key & ROW_MASK) + rows[key & ROW_MASK] for key in heap if key not in removed)
