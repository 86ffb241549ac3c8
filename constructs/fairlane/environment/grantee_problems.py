"""Problems of submitters, managers and observers with the rest of an environment file."""

from collections.abc import Iterator
from itertools import combinations

from fairlane.environment.environment import ACCOUNT, Environment
from fairlane.environment.grantees import GranteeModel
from fairlane.environment.missing_targets import ReferenceProblem, missing_target, unknown_name
from fairlane.environment.queues import GpuQueueModel, QueueModel
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.queues.grant_rules import account_of_role, share_problems
from fairlane.scheduling import FairShare, QuotaManagement


def grantee_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    """Yield the problems of grantees with their account and queue, and with each other."""
    policies: dict[str, tuple[str, str, Path]] = {}
    for region, model in environment.by_region().items():
        outer: Path = () if model is environment else ("regions", region)
        for name, queue in model.queues.items():
            place: Path = (*outer, "queues", name)
            for path, entry in queue.grantees.items():
                yield from _account_problems(environment.account, entry, (*place, *path))
                yield from _policy_problems(policies, entry, region, (*place, *path))
            for problem, paths in (*_repeat_problems(queue), *_submitter_problems(queue)):
                yield problem.within(*place), [(*place, *path) for path in paths]
            for problem, paths in _target_problems(model, name, queue):
                yield problem.within(*outer), [(*outer, *path) for path in paths]


def _account_problems(account: str | None, entry: GranteeModel, field: Path) -> Iterator[ReferenceProblem]:
    owner = account_of_role(entry.role or "")
    if account is not None and ACCOUNT.fullmatch(account) and owner is not None and owner != account:
        sentence = (
            f"the role is in account {owner}, and AWS Batch has no resource policies: "
            f"use a role in account {account} that people of the other account can assume"
        )
        yield Problem.relation((*field, "role"), sentence), [(*field, "role"), ("account",)]


def _policy_problems(
    policies: dict[str, tuple[str, str, Path]], entry: GranteeModel, region: str, field: Path
) -> Iterator[ReferenceProblem]:
    """Yield a managed policy that another stack creates; IAM does not distinguish upper and lower case in names."""
    name = entry.managed_policy_name
    if name is None:
        return
    field = (*field, "managed_policy_name")
    other, other_region, other_field = policies.setdefault(name.lower(), (name, region, field))
    if other_region != region:
        sentence = f"the stack in {other_region} creates the policy, because a name is unique in the account"
        problem = Problem.relation(field, f"{sentence}: use another name here, for example {name}-{region}")
        yield problem, [field, other_field, ("region",)]
    elif other != name:
        sentence = f"IAM does not distinguish {name} from {other}: use the same name, or another one"
        yield Problem.relation(field, sentence), [field, other_field]


def _repeat_problems(queue: QueueModel) -> Iterator[ReferenceProblem]:
    """Yield grantees that are listed twice for the same jobs."""
    for kind in ("submitters", "managers", "observers"):
        entries: dict[str, GranteeModel] = getattr(queue, kind)
        by_grantee: dict[str, list[str]] = {}
        for name, entry in entries.items():
            if entry.role is not None or entry.managed_policy_name is not None:
                by_grantee.setdefault(entry.grantee, []).append(name)
        for grantee, names in by_grantee.items():
            for first, second in combinations(names, 2):
                if _is_for_same_jobs(entries[first], entries[second]):
                    jobs = " for the same jobs" if kind == "submitters" else ""
                    sentence = f"{grantee} is also in {first}{jobs}: list it once"
                    yield Problem.relation((kind, second), sentence), [(kind, first), (kind, second)]


def _is_for_same_jobs(first: GranteeModel, second: GranteeModel) -> bool:
    """Return True if two entries have a share and a job definition in common. None stands for all."""
    pairs = [(getattr(first, key, None), getattr(second, key, None)) for key in ("shares", "job_definitions")]
    return all(one is None or other is None or not set(one).isdisjoint(other) for one, other in pairs)


def _submitter_problems(queue: QueueModel) -> Iterator[ReferenceProblem]:
    scheduling = queue.scheduling.build() if queue.scheduling else None
    for name, entry in queue.submitters.items():
        field = ("submitters", name, "shares")
        for problem in share_problems(field, entry.shares, scheduling, FairShare, QuotaManagement):
            yield problem, [field, ("scheduling",)]


def _target_problems(model: RegionModel, name: str, queue: QueueModel) -> Iterator[ReferenceProblem]:
    """Yield execution roles and job definitions of submitters that the file does not have for the queue."""
    accepted = [
        key
        for key, job in model.job_definitions.items()
        if name in job.queues or not model.gpu_queues.keys() >= set(job.queues)  # a misspelled queue may be this one
    ]
    for submitter, entry in queue.submitters.items():
        outer: Path = ("queues", name, "submitters", submitter)
        for index, target in enumerate(entry.execution_roles):
            field = (*outer, "execution_roles", index)
            yield from missing_target(field, target, "execution_roles", model.execution_roles)
        if not isinstance(queue, GpuQueueModel):
            continue
        empty = f"no job definition has queue {name} in its queues: add one"
        for index, target in enumerate(entry.job_definitions or ()):
            field = (*outer, "job_definitions", index)
            if target not in accepted:
                problem = unknown_name(field, target, f"a job definition of queue {name}", accepted, empty)
                yield problem, [field, ("job_definitions",)]
        if entry.job_definitions is None and not accepted:
            yield Problem.relation(outer, empty), [outer, ("job_definitions",)]
