"""Descriptions of preempted service jobs, from calls to AWS Batch."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fairlane_lambda.aws_errors import is_temporary

_CALLS_AT_A_TIME = 10
_MOST_CALLS = 10
_PAUSE_SECONDS = 1


def describe_service_jobs(
    client: Any, jobs: Sequence[str], is_late: Callable[[], bool]
) -> dict[str, dict[str, Any] | Exception]:
    """Return the description of each job, or the error of its last call.

    Ten calls are made at a time, because a slow call must not delay the others. If AWS throttles a call or does not
    answer it, the call is repeated behind the calls for the other jobs, up to nine times, as long as there is time.

    Args:
        client: boto3 client of AWS Batch, without retries of its own.
        jobs: Ids of service jobs, most urgent job first.
        is_late: Returns True if too little time is left for a call.
    """
    waiting = [(job, _MOST_CALLS) for job in jobs]
    answers: dict[str, dict[str, Any] | Exception] = dict.fromkeys(jobs, TimeoutError())
    with ThreadPoolExecutor(_CALLS_AT_A_TIME) as threads:
        while waiting and not is_late():
            batch, waiting = waiting[:_CALLS_AT_A_TIME], waiting[_CALLS_AT_A_TIME:]
            answers.update(threads.map(lambda item: (item[0], _describe(client, item[0])), batch))
            if unanswered := [(job, calls - 1) for job, calls in batch if is_temporary(answers[job])]:
                waiting += [(job, calls) for job, calls in unanswered if calls]
                time.sleep(_PAUSE_SECONDS)
    return answers


def _describe(client: Any, job: str) -> dict[str, Any] | Exception:
    try:
        description: dict[str, Any] = client.describe_service_job(jobId=job)
    except Exception as error:  # one call must not stop the others
        return error
    return description
