"""Reader of traces from lists of jobs that the AWS CLI prints."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduler.job import MAX_NODES, Job, Trace
from fairlane.scheduling import NUM_INSTANCES

_VCPUS: Final = frozenset({"VCPU", "cpu"})
_USE_CLI_OUTPUT: Final = "use the JSON that aws batch list-service-jobs or list-jobs prints"


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Usage(_Part):
    capacity_unit: str
    quantity: float = Field(gt=0, le=10**9)


class _Array(_Part):
    index: int | None = None


class _Nodes(_Part):
    num_nodes: int = Field(default=1, ge=1, le=MAX_NODES)


class _Summary(_Part):
    """Summary of a job. Times are milliseconds since 1970."""

    job_id: str
    job_name: str = ""
    created_at: int = Field(ge=0)
    started_at: int | None = None
    stopped_at: int | None = None
    share_identifier: str = ""
    quota_share_name: str = ""
    scheduling_priority: int = Field(default=0, ge=0, le=9999)
    capacity_usage: list[_Usage] = []
    array_properties: _Array | None = None
    node_properties: _Nodes | None = None

    def reason_left_out(self) -> str:
        """Return the reason for which the job is not in the trace. Empty if it is."""
        if self.array_properties is not None and self.array_properties.index is None:
            return "parents of array jobs (list their children with --array-job-id)"
        if self.started_at is None:
            return "jobs that never ran"
        if self.stopped_at is None:
            return "jobs that have not ended"
        if self.stopped_at <= self.started_at:
            return "jobs that ended before they ran"
        if len(self.capacity_usage) != 1:
            return "jobs without exactly one entry in capacityUsage"
        return ""


class _Page(_Part):
    job_summary_list: list[_Summary]


def read_history(paths: Sequence[str | Path], *, vcpus_per_gpu: int | None = None) -> Trace:
    """Read a trace of past jobs from the output of `aws batch list-service-jobs` or `aws batch list-jobs`.

    A job that is listed several times counts once. The run time of a job is the time from its last start to its end.
    The trace leaves out jobs that never ran, jobs that have not ended, and parents of array jobs. Its advice has the
    number of these jobs.

    Args:
        paths: Paths of JSON files. A file has one page of the list, or several pages one after the other.
        vcpus_per_gpu: Number of vCPUs per GPU of the instances, 1 or more. Required for container jobs, because AWS
            lists their vCPUs and not their GPUs. The number of GPUs is rounded up. Default: the jobs are service jobs.

    Returns:
        Jobs in the order of their submission.

    Raises:
        ConfigurationError: If a file is not such a list, if no job ran, or if `vcpus_per_gpu` does not fit the jobs.
    """
    subject = ", ".join(map(str, paths))
    return _trace(subject, chain.from_iterable(_summaries(Path(path)) for path in paths), vcpus_per_gpu)


def trace_of_list(jobs: Any, *, subject: str, vcpus_per_gpu: int | None = None) -> Trace:
    """Return a trace of past jobs from a page of a list of jobs, by the rules of `read_history`.

    Args:
        jobs: Response of ListServiceJobs or ListJobs.
        subject: Name of the list, for errors and advice.
        vcpus_per_gpu: The same as in `read_history`.

    Raises:
        ConfigurationError: If no job ran, or if `vcpus_per_gpu` does not fit the jobs.
    """
    return _trace(subject, _Page.model_validate(jobs).job_summary_list, vcpus_per_gpu)


def _trace(subject: str, summaries: Iterable[_Summary], vcpus_per_gpu: int | None) -> Trace:
    problems = [] if vcpus_per_gpu is None else list(check_whole_number(("vcpus_per_gpu",), vcpus_per_gpu, 1))
    if problems:
        raise ConfigurationError("read_history", problems)
    listed: dict[str, _Summary] = {}
    for summary in summaries:
        if summary.job_id not in listed or summary.stopped_at is not None:
            listed[summary.job_id] = summary
    left_out = Counter(reason for summary in listed.values() if (reason := summary.reason_left_out()))
    kept = (summary for summary in listed.values() if not summary.reason_left_out())
    ran = sorted(kept, key=lambda summary: summary.created_at)
    if not ran:
        listing = ", ".join(f"{reason} ({count})" for reason, count in left_out.items()) or "it is empty"
        sentence = (
            f"no job in the list can be used ({listing}): "
            "list jobs that ran, have ended, and have one entry in capacityUsage"
        )
        raise ConfigurationError(subject, [Problem.relation((), sentence)])
    services = [summary for summary in ran if summary.capacity_usage[0].capacity_unit not in _VCPUS]
    if vcpus_per_gpu is not None and services:
        sentence = (
            f"{vcpus_per_gpu} vCPUs per GPU apply to container jobs only, but {services[0].job_id} is a service job: "
            "read service jobs without vcpus_per_gpu"
        )
        raise ConfigurationError(subject, [Problem.relation(("vcpus_per_gpu",), sentence)])
    if vcpus_per_gpu is None and any(summary.capacity_usage[0].capacity_unit in _VCPUS for summary in ran):
        allowed = "the number of vCPUs per GPU of the instances, because AWS lists container jobs with vCPUs"
        raise ConfigurationError(subject, [Problem(("vcpus_per_gpu",), None, allowed)])
    advice = [f"{subject}: left out: {reason} ({count})" for reason, count in left_out.items()]
    return Trace.of([_job(summary, vcpus_per_gpu or 1) for summary in ran], advice=advice)


def _job(summary: _Summary, vcpus_per_gpu: int) -> Job:
    usage = summary.capacity_usage[0]
    counted = usage.capacity_unit in {NUM_INSTANCES, *_VCPUS}
    size = usage.quantity / (vcpus_per_gpu if usage.capacity_unit in _VCPUS else 1)
    run = math.ceil(((summary.stopped_at or 0) - (summary.started_at or 0)) / 1000)
    started = max(summary.created_at, summary.started_at or 0) // 1000
    return Job(
        share=summary.quota_share_name or summary.share_identifier,
        priority=summary.scheduling_priority,
        instances=max(1, math.ceil(size)),
        instance_type="" if counted else usage.capacity_unit,
        submit=summary.created_at // 1000,
        run=run,
        nodes=summary.node_properties.num_nodes if summary.node_properties else None,
        name=summary.job_name,
        started=started,
        stopped=started + run,
    )


def _summaries(path: Path) -> Iterator[_Summary]:
    """Yield the jobs of all pages of a file."""
    try:
        for page in _documents(path.read_text(encoding="utf-8")):
            yield from _Page.model_validate(page).job_summary_list
    except OSError as error:
        sentence = f"the file cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error
    except ValidationError as error:
        first = error.errors()[0]
        problem = Problem.relation(first["loc"], f"{first['msg'].lower()}; {_USE_CLI_OUTPUT}")
        raise ConfigurationError(str(path), [problem]) from error
    except (ValueError, RecursionError) as error:
        sentence = f"the file is not a list of jobs ({error}): {_USE_CLI_OUTPUT}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    end = 0
    while text := text[end:].lstrip():
        document, end = decoder.raw_decode(text)
        yield from document if isinstance(document, list) else [document]
