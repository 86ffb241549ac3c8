"""Rules of AWS Batch for the members that SubmitJob and SubmitServiceJob have in common."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fairlane.errors import Path, Problem
from fairlane.jobs.retries import MAX_ATTEMPTS, MAX_PATTERN, MAX_RULES
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy, State
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

MAX_REQUEST: Final = 30 * 1024
_MIN_TIMEOUT: Final = 60
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SHARE: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_EXIT_CODE: Final = re.compile(r"[0-9]*\*?")
_REASON: Final = re.compile(r"[A-Za-z0-9.:\s]*\*?")
_EXIT_CONDITIONS: Final = ("onExitCode", "onReason", "onStatusReason")

Request = Mapping[str, Any]


class Refusal(NamedTuple):
    """Mistake that AWS Batch refuses a request for.

    Attributes:
        problem: Mistake in the words of the request, with the values that are allowed.
        message: Message of AWS Batch, where it is known.
    """

    problem: Problem
    message: str

    def within(self, *outer: str | int) -> "Refusal":
        """Return the same mistake with `outer` in front of its path."""
        return self._replace(problem=self.problem.within(*outer))


def name_refusals(name: str) -> Iterator[Refusal]:
    """Yield the mistake of a job's name."""
    if not _NAME.fullmatch(name):
        problem = Problem(("jobName",), name, "1 to 128 characters of A-Z, a-z, 0-9, - and _")
        yield Refusal(problem, "Job name should match valid pattern: ^[a-zA-Z0-9_-]{1,128}$")


def size_refusals(body: str) -> Iterator[Refusal]:
    """Yield the mistake of a request that is too large.

    Args:
        body: Request as JSON.
    """
    size = len(body.encode())
    if size > MAX_REQUEST:
        limit = MAX_REQUEST // 1024
        sentence = (
            f"the request has {size:,} bytes and AWS Batch accepts {MAX_REQUEST:,} ({limit} KiB): move large values to "
            "a file in S3, or use fewer tags"
        )
        message = f"Job size must be less than {limit} KiB, got {size // 1024} KiB"
        yield Refusal(Problem.relation((), sentence), message)


def priority_refusals(priority: int | None, field: Path = ("schedulingPriority",)) -> Iterator[Refusal]:
    """Yield the mistake of the scheduling priority of a job or job definition."""
    if priority is not None and not 0 <= priority <= MAX_JOB_PRIORITY:
        problem = Problem(field, priority, f"a whole number, 0 to {MAX_JOB_PRIORITY}")
        yield Refusal(problem, f"Scheduling priority must be between 0 and {MAX_JOB_PRIORITY}.")


def timeout_refusals(timeout: Request, field: str) -> Iterator[Refusal]:
    """Yield the mistake of the timeout of a job or job definition.

    Args:
        timeout: Value of `timeout` or `timeoutConfig`.
        field: Name of this member.
    """
    seconds = timeout.get("attemptDurationSeconds", _MIN_TIMEOUT)
    if seconds < _MIN_TIMEOUT:
        problem = Problem((field, "attemptDurationSeconds"), seconds, f"a number of seconds, {_MIN_TIMEOUT} or more")
        yield Refusal(problem, f"Timeout should be at least {_MIN_TIMEOUT} seconds.")


def container_retry_refusals(strategy: Request) -> Iterator[Refusal]:
    """Yield the mistakes of the retry strategy of a container job."""
    if "attempts" not in strategy:
        problem = Problem(("retryStrategy", "attempts"), None, f"a whole number, 1 to {MAX_ATTEMPTS}")
        yield Refusal(problem, "RetryAttempts must be provided with retry strategy.")
    else:
        yield from _attempts_refusals(strategy["attempts"], f"RetryAttempts must be between 1 and {MAX_ATTEMPTS}.")
    rules = strategy.get("evaluateOnExit", [])
    yield from _count_refusals(rules, f"EvaluateOnExit can contain at most {MAX_RULES} conditions.")
    for index, rule in enumerate(rules):
        field: Path = ("retryStrategy", "evaluateOnExit", index)
        conditions = {name: rule[name] for name in _EXIT_CONDITIONS if name in rule}
        if not conditions:
            problem = Problem((*field, "onReason"), None, f"one or more of {', '.join(_EXIT_CONDITIONS)}")
            message = "EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason"
            yield Refusal(problem, message)
        for name, pattern in conditions.items():
            is_code = name == "onExitCode"
            characters = "digits" if is_code else "letters, digits, dots, colons and white space"
            allowed = f"at most {MAX_PATTERN} {characters}, with an optional * at the end"
            if len(pattern) > MAX_PATTERN:
                message = f"Evaluate on exit condition cannot exceed {MAX_PATTERN} characters."
                yield Refusal(Problem((*field, name), pattern, allowed), message)
            elif not (_EXIT_CODE if is_code else _REASON).fullmatch(pattern):
                message = "Evaluate on exit condition contains restricted characters."
                yield Refusal(Problem((*field, name), pattern, allowed), message)


def service_retry_refusals(strategy: Request) -> Iterator[Refusal]:
    """Yield the mistakes of the retry strategy of a service job.

    The API reference allows `*` only at the end of a pattern. AWS's examples have it at the start, too.
    """
    if "attempts" in strategy:
        yield from _attempts_refusals(strategy["attempts"], f"Retry attempts must be between 1 and {MAX_ATTEMPTS}.")
    rules = strategy.get("evaluateOnExit", [])
    yield from _count_refusals(rules, f"Number of evaluateOnExit rules exceeds {MAX_RULES}.")
    for index, rule in enumerate(rules):
        field: Path = ("retryStrategy", "evaluateOnExit", index)
        if rule.get("action", "").upper() not in ("RETRY", "EXIT"):
            problem = Problem((*field, "action"), rule.get("action"), "RETRY or EXIT")
            yield Refusal(problem, "Action of evaluateOnExit must be RETRY or EXIT.")
        pattern = rule.get("onStatusReason")
        if not 1 <= len(pattern or "") <= MAX_PATTERN:
            problem = Problem((*field, "onStatusReason"), pattern, f"a pattern of 1 to {MAX_PATTERN} characters")
            message = f"A rule of evaluateOnExit must have onStatusReason, 1 to {MAX_PATTERN} characters."
            yield Refusal(problem, message)


def share_refusals(request: Request, policy: SchedulingPolicy, queue: str) -> Iterator[Refusal]:
    """Yield the mistakes of the share of a job.

    AWS Batch accepts share identifiers that a fair-share policy does not list, with weight 1.

    Args:
        request: Request of SubmitJob or SubmitServiceJob.
        policy: Scheduling policy of the queue.
        queue: ARN of the queue.
    """
    identifier, name = request.get("shareIdentifier"), request.get("quotaShareName")
    is_fair_share = isinstance(policy, FairShare)
    yield from _needed_refusals("shareIdentifier", identifier, "fair-share", policy, is_needed=is_fair_share)
    if identifier and is_fair_share and not _SHARE.fullmatch(identifier):
        problem = Problem(("shareIdentifier",), identifier, "1 to 255 characters of A-Z, a-z, 0-9, - and _")
        yield Refusal(problem, "Share identifier should match valid pattern: ^[a-zA-Z0-9_-]{1,255}$")
    is_quota = isinstance(policy, QuotaManagement)
    yield from _needed_refusals("quotaShareName", name, "quota-share", policy, is_needed=is_quota)
    if name and isinstance(policy, QuotaManagement):
        share = next((share for share in policy.shares if share.name == name), None)
        if share is None:
            problem = Problem(("quotaShareName",), name, f"a quota share of the queue: {_listed(policy)}")
            yield Refusal(problem, f"{queue}/quota-share/{name} does not exist")
        elif share.state != State.ENABLED:
            sentence = f"the quota share {name} is disabled and takes no jobs: enable it, or use another share"
            yield Refusal(Problem.relation(("quotaShareName",), sentence), f"Quota share {name} is DISABLED.")


def _needed_refusals(
    field: str, got: str | None, kind: str, policy: SchedulingPolicy, *, is_needed: bool
) -> Iterator[Refusal]:
    if is_needed and not got:
        problem = Problem((field,), got, f"a share of the queue: {_listed(policy)}")
        yield Refusal(problem, f"{field} must be specified for a job queue with a {kind} scheduling policy.")
    elif got and not is_needed:
        sentence = f"the queue has no {kind} policy: leave it out"
        other = {"shareIdentifier": "quotaShareName", "quotaShareName": "shareIdentifier"}[field]
        if policy.share_names:
            sentence = f"the queue has no {kind} policy: use {other} instead, one of {_listed(policy)}"
        yield Refusal(Problem.relation((field,), sentence), f"{field} requires a {kind} scheduling policy.")


def _listed(policy: SchedulingPolicy) -> str:
    return ", ".join(policy.share_names) or "any name"


def _attempts_refusals(attempts: int, message: str) -> Iterator[Refusal]:
    if not 1 <= attempts <= MAX_ATTEMPTS:
        problem = Problem(("retryStrategy", "attempts"), attempts, f"a whole number, 1 to {MAX_ATTEMPTS}")
        yield Refusal(problem, message)


def _count_refusals(rules: list[Any], message: str) -> Iterator[Refusal]:
    if len(rules) > MAX_RULES:
        sentence = f"{len(rules)} rules are too many: use at most {MAX_RULES}"
        yield Refusal(Problem.relation(("retryStrategy", "evaluateOnExit"), sentence), message)
