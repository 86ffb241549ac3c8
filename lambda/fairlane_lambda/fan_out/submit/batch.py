"""Calls to AWS Batch that submit the job of a line and look it up by its name."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name, is_temporary

ARRAY: Final = "array"
"""Kind of lines that are array jobs. Other lines are service jobs."""
_DENIED: Final = (401, 403)
_THROTTLED: Final = 429
_THROTTLES: Final = ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
_OWN_NAMES: Final = ("HyperParameters", "Environment", "parameters", "tags")
_PUBLIC: Final = ("jobQueue", "serviceJobType", "jobDefinition", "shareIdentifier", "quotaShareName")
_PAYLOAD: Final = "serviceRequestPayload"
_SHORT: Final = 3


class SubmitError(RuntimeError):
    """Failure of a call to AWS, without the message of AWS, which can contain parts of jobs."""


class Answer(NamedTuple):
    """Answer to a submission. Without job and reason, it is not known if there is a job.

    Attributes:
        job: Id of the job.
        reason: Reason why AWS Batch refused the job.
        is_throttled: True if AWS throttled the call, so that there is no job.
    """

    job: str = ""
    reason: str = ""
    is_throttled: bool = False


def submit(client: Any, line: Mapping[str, Any]) -> Answer:
    """Submit the job of a line. Nothing rests on the token: AWS does not say how long it counts.

    Args:
        client: boto3 client of AWS Batch in the Region of the line, without retries of its own.
        line: Fields of the line.

    Raises:
        SubmitError: If AWS denies access, so that no line can be submitted.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    request = {**line["request"], "jobName": line["name"]}
    try:
        if line["kind"] == ARRAY:
            response = client.submit_job(**request)
        else:
            response = client.submit_service_job(**request, clientToken=line["digest"])
    except ParamValidationError as error:
        return Answer(reason=error_name(error))
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error_name(error)
        if status == _THROTTLED or code in _THROTTLES:
            return Answer(is_throttled=True)
        if is_temporary(error):
            return Answer()
        if status in _DENIED:
            raise SubmitError(f"AWS Batch denied the submission of a job to queue {line['queue']}: {code}") from None
        return Answer(reason=_reason(code, error.response["Error"].get("Message", ""), line["request"]))
    except Exception as error:
        if not is_temporary(error):
            raise
        return Answer()
    return Answer(job=response["jobId"])


def find(client: Any, claim: Mapping[str, Any]) -> str | None:
    """Return the id of the job of a line, or None if AWS Batch lists no job with its name. The oldest job counts.

    Args:
        client: boto3 client of AWS Batch in the Region of the claim.
        claim: Item of the line in the ledger.
    """
    list_jobs = client.list_jobs if claim["kind"] == ARRAY else client.list_service_jobs
    request = {"jobQueue": claim["queue"], "filters": [{"name": "JOB_NAME", "values": [claim["job_name"]]}]}
    jobs: list[dict[str, Any]] = []
    while True:
        response = list_jobs(**request)
        jobs += [job for job in response["jobSummaryList"] if job["jobName"] == claim["job_name"]]
        if not response.get("nextToken"):
            break
        request["nextToken"] = response["nextToken"]
    return min(jobs, key=lambda job: job.get("createdAt", 0))["jobId"] if jobs else None


def _reason(code: str, message: str, request: Mapping[str, Any]) -> str:
    """Return the error code, and the message of AWS if it contains no value of the request."""
    if not message:
        return code
    text = message.lower()
    words = set(_words(text))
    own = {name: value for name, value in request.items() if name not in _PUBLIC}
    for value in map(str.lower, _values(own)):
        if value in words or (len(value) > _SHORT and value in text):
            return code
        if any(word in words for word in _words(value) if len(word) > _SHORT or word.isdecimal()):
            return code
    return f"{code}: {message}"


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:[._-][^\W_]+)*", text)


def _values(value: Any) -> Iterator[str]:
    """Yield the values of a request, of the payload in it, and the names that a user chose."""
    match value:
        case Mapping():
            for name, entry in value.items():
                if name in _OWN_NAMES and isinstance(entry, Mapping):
                    yield from map(str, entry)
                yield from _values(json.loads(entry) if name == _PAYLOAD else entry)
        case list():
            for entry in value:
                yield from _values(entry)
        case str() | int() | float():
            yield str(value)
