"""Traces of what ran: the lists of jobs that AWS Batch gives, as the AWS CLI prints them."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduling import NUM_INSTANCES

_VCPUS: Final = frozenset({"VCPU", "cpu"})
_PRINTED: Final = "JSON with jobSummaryList, as aws batch list-service-jobs and list-jobs print it"


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Usage(_Part):
    capacity_unit: str
    quantity: float = Field(gt=0, le=10**9)


class _Array(_Part):
    index: int | None = None


class _Summary(_Part):
    """A job, as far as it matters; times are milliseconds since 1970."""

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

    def left_out(self) -> str:
        """Why it makes no job of a trace; empty if it makes one."""
        if self.array_properties is not None and self.array_properties.index is None:
            return "parents of array jobs, whose children --array-job-id lists"
        if self.started_at is None:
            return "jobs that never ran"
        if self.stopped_at is None:
            return "jobs that have not ended"
        if self.stopped_at <= self.started_at:
            return "jobs that ended before they ran"
        if len(self.capacity_usage) != 1:
            return "jobs that do not say how much of one kind of capacity they use"
        return ""


class _Page(_Part):
    job_summary_list: list[_Summary]


def read_history(paths: Sequence[str | Path], *, vcpus_per_gpu: int | None = None) -> Trace:
    """Makes a trace of jobs that ran, out of what `aws batch list-service-jobs` or `list-jobs` printed.

    A job that is listed several times counts once. Its work is the time from its last start to its end. Jobs that
    never ran or have not ended are left out, and so are parents of array jobs; the trace's advice says how many.

    Args:
        paths: files of JSON, each with one page or several, one after the other.
        vcpus_per_gpu: of the machines: container jobs are listed with vCPUs. They then need GPUs, a started one whole.

    Raises:
        ConfigurationError: if a file is no such list, no job in it ran, or service jobs are given vCPUs.
    """
    subject = ", ".join(map(str, paths))
    wrong = [] if vcpus_per_gpu is None else list(check_whole_number(("vcpus_per_gpu",), vcpus_per_gpu, 1))
    if wrong:
        raise ConfigurationError("read_history", wrong)
    listed: dict[str, _Summary] = {}
    for path in paths:
        for summary in _summaries(Path(path)):
            if summary.job_id not in listed or summary.stopped_at is not None:
                listed[summary.job_id] = summary
    left_out = Counter(reason for summary in listed.values() if (reason := summary.left_out()))
    ran = sorted((one for one in listed.values() if not one.left_out()), key=lambda one: one.created_at)
    if not ran:
        got = ", ".join(f"{reason} ({count})" for reason, count in left_out.items()) or "no jobs"
        raise ConfigurationError(subject, [Problem((), got, "one that ran, and says what it used")])
    services = [one for one in ran if one.capacity_usage[0].capacity_unit not in _VCPUS]
    if vcpus_per_gpu is not None and services:
        allowed = f"container jobs alone, as service jobs such as {services[0].job_id} are listed with instances"
        raise ConfigurationError(subject, [Problem(("vcpus_per_gpu",), vcpus_per_gpu, allowed)])
    if vcpus_per_gpu is None and any(one.capacity_usage[0].capacity_unit in _VCPUS for one in ran):
        allowed = "how many vCPUs the machines have for each GPU, as container jobs are listed with vCPUs"
        raise ConfigurationError(subject, [Problem(("vcpus_per_gpu",), None, allowed)])
    advice = [f"{subject}: left out: {reason} ({count})" for reason, count in left_out.items()]
    return Trace.of([_job(summary, vcpus_per_gpu or 1) for summary in ran], advice=advice)


def _job(summary: _Summary, vcpus_per_gpu: int) -> Job:
    usage = summary.capacity_usage[0]
    counted = usage.capacity_unit in {NUM_INSTANCES, *_VCPUS}
    size = usage.quantity / (vcpus_per_gpu if usage.capacity_unit in _VCPUS else 1)
    return Job(
        share=summary.quota_share_name or summary.share_identifier,
        priority=summary.scheduling_priority,
        instances=max(1, math.ceil(size)),
        instance_type="" if counted else usage.capacity_unit,
        submit=summary.created_at // 1000,
        run=math.ceil(((summary.stopped_at or 0) - (summary.started_at or 0)) / 1000),
        name=summary.job_name,
    )


def _summaries(path: Path) -> Iterator[_Summary]:
    """Reads the pages of a file."""
    try:
        for page in _documents(path.read_text(encoding="utf-8")):
            yield from _Page.model_validate(page).job_summary_list
    except OSError as error:
        allowed = "a file that can be read"
        raise ConfigurationError(str(path), [Problem((), error.strerror, allowed)]) from error
    except ValidationError as error:
        problems = [Problem(first["loc"], first["msg"].lower(), _PRINTED) for first in error.errors()[:1]]
        raise ConfigurationError(str(path), problems) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(str(path), [Problem((), str(error), _PRINTED)]) from error


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = 0
    while text := text[at:].lstrip():
        document, at = decoder.raw_decode(text)
        yield from document if isinstance(document, list) else [document]
