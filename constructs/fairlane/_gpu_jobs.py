"""The rules of AWS Batch for job definitions of GPU containers. Knows no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fairlane._checks import check_choice, check_list, check_name, check_tags, check_text, check_whole_number
from fairlane._problems import Problem
from fairlane._tokens import is_token
from fairlane.catalog import check_gpu_instance_type, gpu_instance_type

MAX_ATTEMPTS: Final = 10
MAX_RULES: Final = 5
MAX_PATTERN: Final = 512
MIN_TIMEOUT_SECONDS: Final = 60
MAX_JOB_PRIORITY: Final = 9999
MIN_MEMORY_MIB: Final = 4
MAX_NODES: Final = 1000
MAX_DEFINITION_BYTES: Final = 24 * 1024
RESERVED_VARIABLES: Final = frozenset({"FAIRLANE_GPUS_PER_NODE"})

_REASON: Final = re.compile(r"(?=.{1,512}$)[A-Za-z0-9.: ]*\*?")
_EXIT_CODE: Final = re.compile(r"(?=.{1,512}$)[0-9]*\*?")
_VARIABLE: Final = re.compile(r"(?!AWS_BATCH)[A-Za-z_][A-Za-z0-9_]*")


class RetryAction(StrEnum):
    """What happens to a job whose attempt has failed."""

    RETRY = "RETRY"
    EXIT = "EXIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What to do with a failed attempt that looks a certain way; all patterns given must match.

    A pattern is at most 512 characters, of which the last may be `*`. Source: `EvaluateOnExit` in the Batch API.

    Args:
        action: try again, or let the job fail.
        on_status_reason: matches the status reason: letters, digits, dots, colons and spaces.
        on_reason: matches the reason of the container, of the same characters.
        on_exit_code: matches the exit code of the container: digits.
    """

    action: RetryAction = RetryAction.RETRY
    on_status_reason: str | None = None
    on_reason: str | None = None
    on_exit_code: str | None = None

    @classmethod
    def spot_reclaimed(cls) -> "RetryRule":
        """Tries again when EC2 took the machine back."""
        return cls(on_status_reason="Host EC2*")

    @classmethod
    def image_not_pulled(cls) -> "RetryRule":
        """Tries again when the image could not be pulled."""
        return cls(on_reason="CannotPullContainerError:*")

    @classmethod
    def exit_code(cls, code: int) -> "RetryRule":
        """Tries again when the container ended with this exit code, such as 143 for saved and stopped."""
        return cls(on_exit_code=str(code))

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_choice(("action",), self.action, RetryAction)
        patterns = {
            "on_status_reason": (self.on_status_reason, _REASON),
            "on_reason": (self.on_reason, _REASON),
            "on_exit_code": (self.on_exit_code, _EXIT_CODE),
        }
        if all(pattern is None for pattern, _ in patterns.values()):
            yield Problem(("on_reason",), None, "one pattern or more")
        for name, (pattern, form) in patterns.items():
            if pattern is not None:
                characters = "digits" if name == "on_exit_code" else "letters, digits, dots, colons and spaces"
                allowed = f"1 to {MAX_PATTERN} {characters}, of which the last may be *"
                yield from check_text((name,), pattern, form.fullmatch, allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRetries:
    """How often a job is tried, and after which failures. Whatever no rule names lets the job fail.

    Left to itself, AWS tries again after every failure that no rule names; a last rule is added that ends that.

    Args:
        attempts: how often in all, 1 to 10.
        rules: at most four; the first that matches counts. By default Spot reclaims and images that were not pulled.
    """

    attempts: int = 3
    rules: Sequence[RetryRule] = (RetryRule.spot_reclaimed(), RetryRule.image_not_pulled())

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if isinstance(self.rules, str) or not isinstance(self.rules, Sequence):
            yield Problem(("rules",), self.rules, "a list of RetryRule")
            return
        if len(self.rules) >= MAX_RULES:
            allowed = f"at most {MAX_RULES - 1} rules, as AWS takes {MAX_RULES} and the last lets all else fail"
            yield Problem(("rules",), f"{len(self.rules)} rules", allowed)
        for index, rule in enumerate(self.rules):
            if isinstance(rule, RetryRule):
                for problem in rule.problems():
                    yield problem.within("rules", index)
            else:
                yield Problem(("rules", index), rule, "a RetryRule")


def job_definition_problems(
    *,
    job_definition_name: str,
    image: str,
    command: Sequence[str],
    gpus: int | None,
    instance_type: str | None,
    vcpus: int | None,
    memory_mib: int | None,
    shared_memory_mib: int | None,
    environment: Mapping[str, str],
    secrets: Mapping[str, object],
    retries: JobRetries,
    timeout_seconds: int | None,
    scheduling_priority: int,
    tags: Mapping[str, str] | None,
) -> Iterator[Problem]:
    """Yields every mistake of a job definition by itself; arguments as for `GpuJobDefinition`."""
    yield from check_name(("job_definition_name",), job_definition_name)
    yield from check_text(("image",), image, re.compile(r"\S+").fullmatch, "the URI of an image")
    yield from check_list(("command",), command, str, "the command and its arguments")
    yield from _machine_problems(gpus, instance_type, vcpus, memory_mib)
    for name, value, lowest, of in (
        ("vcpus", vcpus, 1, "vCPUs"),
        ("memory_mib", memory_mib, MIN_MEMORY_MIB, "MiB"),
        ("shared_memory_mib", shared_memory_mib, 1, "MiB"),
    ):
        if value is not None:
            yield from check_whole_number((name,), value, lowest, of=of)
    sizes = [memory_mib, shared_memory_mib]
    if all(isinstance(size, int) and not is_token(size) for size in sizes) and (shared_memory_mib or 0) > (
        memory_mib or 0
    ):
        yield Problem(("shared_memory_mib",), shared_memory_mib, f"at most the memory, {memory_mib} MiB")
    if is_token(memory_mib) and shared_memory_mib is None:
        yield Problem(("shared_memory_mib",), None, "a size, where memory_mib is known only at deployment")
    yield from _variable_problems(environment, secrets)
    if isinstance(retries, JobRetries):
        for problem in retries.problems():
            yield problem.within("retries")
    else:
        yield Problem(("retries",), retries, "a JobRetries")
    if timeout_seconds is not None:
        yield from check_whole_number(("timeout_seconds",), timeout_seconds, MIN_TIMEOUT_SECONDS, of="seconds")
    yield from check_whole_number(("scheduling_priority",), scheduling_priority, 0, MAX_JOB_PRIORITY)
    yield from check_tags(tags)


def _variable_problems(environment: Mapping[str, str], secrets: Mapping[str, object]) -> Iterator[Problem]:
    allowed = "letters, digits and _, not beginning with AWS_BATCH, which AWS keeps for itself"
    for name, variables in (("environment", environment), ("secrets", secrets)):
        if not isinstance(variables, Mapping):
            yield Problem((name,), variables, "a mapping of names of variables")
            continue
        for variable, value in variables.items():
            yield from check_text((name, str(variable)), variable, _VARIABLE.fullmatch, allowed)
            if name == "environment":
                yield from check_text((name, str(variable)), value, lambda _: True, "a text")
                if variable in RESERVED_VARIABLES:
                    yield Problem((name, str(variable)), variable, "another name: Fairlane sets this one itself")
            elif isinstance(environment, Mapping) and variable in environment:
                yield Problem((name, str(variable)), variable, "a variable that environment does not have as well")


def _machine_problems(
    gpus: int | None, instance_type: str | None, vcpus: int | None, memory_mib: int | None
) -> Iterator[Problem]:
    machine = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    most = machine.gpus if machine else None
    refused = list(check_gpu_instance_type(("instance_type",), instance_type)) if instance_type is not None else []
    yield from refused
    if is_token(gpus):
        yield Problem(("gpus",), gpus, "a number that is known at synth")
    elif gpus is not None:
        yield from check_whole_number(("gpus",), gpus, 1, most, of=f"GPUs of a {instance_type}" if most else "GPUs")
    if machine is not None or refused:
        return
    if vcpus is None or memory_mib is None:
        got = instance_type if instance_type is None or is_token(instance_type) else f"{instance_type}, not known"
        allowed = "an instance type to work vcpus and memory_mib out from, or both of them"
        yield Problem(("instance_type",), got, allowed)
    elif gpus is None:
        yield Problem(("gpus",), None, "a number, as the machine is not known")
