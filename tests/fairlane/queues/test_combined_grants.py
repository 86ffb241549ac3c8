"""Several grants of one principal: what they allow together as simulated, against what each allows alone, and warnings."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Stack

from fairlane import FairShare, Fifo, QuotaManagement
from tests.gpu import compute_environment, gpu_queue
from tests.grants import TRAINING, gpu_job, grant_warnings, role, training_queue
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request, Statement, allowed

HERE = cdk.Environment(account="111122223333", region="us-east-1")


def arn(resource: str) -> str:
    return f"arn:aws:batch:us-east-1:111122223333:{resource}"


@dataclass(frozen=True)
class Grant:
    """One submit grant, and the rule for the jobs that it is meant to allow."""

    queue: str
    identifiers: tuple[str, ...] | None = None
    quota_shares: tuple[str, ...] | None = None
    max_priority: int | None = None
    definitions: tuple[str, ...] = ()

    def means(self, job: "Job") -> bool:
        return (
            job.queue == self.queue
            and (self.identifiers is None or any(_like(job.identifier, name) for name in self.identifiers))
            and (self.quota_shares is None or job.quota_share in self.quota_shares)
            and (self.max_priority is None or (job.priority or 0) <= self.max_priority)
            and (not self.definitions or job.definition in self.definitions)
        )


@dataclass(frozen=True)
class Job:
    queue: str
    identifier: str | None = None
    quota_share: str | None = None
    priority: int | None = None
    definition: str | None = None

    def requests(self) -> list[Request]:
        context: dict[str, str | int] = {}
        if self.identifier is not None:
            context["batch:ShareIdentifier"] = self.identifier
        if self.priority is not None:
            context["batch:SchedulingPriority"] = self.priority
        if self.definition is not None:
            action, resources = "batch:SubmitJob", ["job/0", f"job-definition/{self.definition}:1"]
        else:
            action, resources = "batch:SubmitServiceJob", ["service-job/0"]
        if self.quota_share is not None:
            resources.append(f"job-queue/{self.queue}/quota-share/{self.quota_share}")
        return [Request(action, arn(resource), context) for resource in (f"job-queue/{self.queue}", *resources)]


def _like(identifier: str | None, pattern: str) -> bool:
    return identifier is not None and (
        identifier == pattern or (pattern[-1] == "*" and identifier.startswith(pattern[:-1]))
    )


def simulated(statements: list[Statement], jobs: Iterable[Job]) -> dict[Job, bool]:
    """Return for each job whether all of its requests are allowed."""
    requests = [(job, request) for job in jobs for request in job.requests()]
    results = dict.fromkeys((job for job, _ in requests), True)
    for (job, _), is_allowed in zip(requests, allowed(statements, [request for _, request in requests]), strict=True):
        results[job] &= is_allowed
    return results


GRANTS = [
    Grant("fifo"),
    Grant("fifo", max_priority=50),
    Grant("fair"),
    Grant("fair", ("vision",), max_priority=50),
    Grant("fair", ("team-*",)),
    Grant("fair-2"),
    Grant("fair-2", ("audio",), max_priority=70),
    Grant("quotas"),
    Grant("quotas", quota_shares=("a",), max_priority=50),
    Grant("quotas", quota_shares=("b",)),
    Grant("imported-fair"),
    Grant("imported-fair", ("vision",)),
    Grant("imported-quotas", quota_shares=("a",)),
]


def training_jobs(queues: Iterable[str]) -> Iterator[Job]:
    """Yield jobs that AWS Batch accepts: with a share identifier or a quota share if the queue has them."""
    for queue, priority in itertools.product(queues, (None, 50, 51)):
        match TRAINING[queue]:
            case FairShare():
                yield from (Job(queue, name, priority=priority) for name in ("vision", "team-a", "audio"))
            case QuotaManagement():
                yield from (Job(queue, quota_share=name, priority=priority) for name in "ab")
            case _:
                yield Job(queue, priority=priority)


@pytest.fixture(scope="module")
def pairs() -> dict[tuple[Grant, Grant], tuple[list[Statement], list[tuple[str, str]]]]:
    """Return the statements and the warnings of each pair of grants, which a role of its own has."""
    app = App()
    stack = Stack(app, "Stack", env=HERE)
    queues = {name: training_queue(stack, name) for name in TRAINING}
    names = {f"Role{number}": pair for number, pair in enumerate(itertools.combinations(GRANTS, 2))}
    for name, pair in names.items():
        grantee = role(stack, name)
        for grant in pair:
            queues[grant.queue].grants.submit(
                grantee,
                share_identifiers=grant.identifiers,
                quota_shares=grant.quota_shares,
                max_priority=grant.max_priority,
            )
    found, deployment = grant_warnings(stack), Deployment.of(stack)
    return {
        pair: (
            deployment.statements(f"{name}DefaultPolicy"),
            [(path, text) for path, text in found if path == f"/Stack/{name}"],
        )
        for name, pair in names.items()
    }


def test_two_grants_allow_what_one_of_them_allows_or_warn(pairs: Any) -> None:
    """The simulated requests of a pair exceed the two grants only in queues that a warning names."""
    exceeding = 0
    for pair, (statements, found) in pairs.items():
        results = simulated(statements, training_jobs({"fifo", *(grant.queue for grant in pair)}))
        meant = {job for job in results if any(grant.means(job) for grant in pair)}
        got = {job for job, is_allowed in results.items() if is_allowed}
        assert meant <= got, pair
        exceeded = {job.queue for job in got - meant}
        warned = {queue for queue in TRAINING if any(f"to the queue {queue}," in text for _, text in found)}
        assert exceeded == warned, (pair, got - meant)
        exceeding += bool(exceeded)
    assert exceeding


LIMITED = [
    (Grant("fair", ("vision",), max_priority=50), Job("fair", "language")),
    (Grant("fair", ("vision",), max_priority=50), Job("fair", "vision", priority=51)),
    (Grant("fair", max_priority=50), Job("fair", "vision", priority=51)),
    (Grant("quotas", quota_shares=("a",)), Job("quotas", quota_share="b")),
    (Grant("quotas", quota_shares=("a",), max_priority=50), Job("quotas", quota_share="a", priority=51)),
    (Grant("fifo", max_priority=50), Job("fifo", priority=51)),
]


@pytest.mark.parametrize(
    ("limited", "job", "other"),
    [
        (limited, job, other)
        for limited, job in LIMITED
        for other in ("fifo", "quotas", "imported-quotas")
        if other != limited.queue
    ],
)
def test_a_grant_on_a_queue_without_share_identifiers_lifts_no_limit(
    stack: Stack, limited: Grant, job: Job, other: str
) -> None:
    person = role(stack)
    training_queue(stack, limited.queue).grants.submit(
        person,
        share_identifiers=limited.identifiers,
        quota_shares=limited.quota_shares,
        max_priority=limited.max_priority,
    )
    shares = ["a"] if other == "imported-quotas" else None
    training_queue(stack, other).grants.submit(person, quota_shares=shares)
    assert simulated(Deployment.of(stack).statements(), [job]) == {job: False}
    assert grant_warnings(stack) == []


def test_an_imported_queue_without_limits_takes_jobs_of_all_kinds(stack: Stack) -> None:
    training_queue(stack, "imported-fair").grants.submit(role(stack))
    jobs = [Job("imported-fair", *shares) for shares in ((None, None), ("vision", None), (None, "a"))]
    assert all(simulated(Deployment.of(stack).statements(), jobs).values())
    limited = Stack(App(), "Limited", env=HERE)
    training_queue(limited, "imported-fair").grants.submit(role(limited), share_identifiers=["vision"])
    assert list(simulated(Deployment.of(limited).statements(), jobs).values()) == [False, True, False]


GPU_GRANTS = [
    Grant("fifo", definitions=("one",)),
    Grant("fifo", definitions=("two",)),
    Grant("fair", definitions=("one", "two")),
    Grant("fair", ("a",), definitions=("one",)),
    Grant("fair", ("b",), definitions=("two",)),
    Grant("fair-2", ("a",), definitions=("one",)),
    Grant("fair-2", ("b", "c"), definitions=("one",)),
]


def test_two_grants_for_containers_allow_what_one_of_them_allows_or_warn(stack: Stack) -> None:
    capacity = compute_environment(stack)
    policies = {"fifo": Fifo(), "fair": FairShare({"a": 1.0, "b": 1.0}), "fair-2": FairShare(dict.fromkeys("abc", 1.0))}
    queues = {name: gpu_queue(stack, capacity, name=name, scheduling=policy) for name, policy in policies.items()}
    definitions = {name: gpu_job(stack, name) for name in ("one", "two")}
    names = {f"Role{number}": pair for number, pair in enumerate(itertools.combinations(GPU_GRANTS, 2))}
    for name, pair in names.items():
        grantee = role(stack, name)
        for grant in pair:
            granted = [definitions[definition] for definition in grant.definitions]
            queues[grant.queue].grants.submit(grantee, job_definitions=granted, share_identifiers=grant.identifiers)
    found, deployment = grant_warnings(stack, "combined"), Deployment.of(stack)
    exceeding = 0
    for name, pair in names.items():
        jobs = [
            Job(queue, identifier, definition=definition)
            for queue, definition in itertools.product(policies, definitions)
            for identifier in ([None] if queue == "fifo" else "abc")
        ]
        results = simulated(deployment.statements(f"{name}DefaultPolicy"), jobs)
        meant = {job for job in results if any(grant.means(job) for grant in pair)}
        got = {job for job, is_allowed in results.items() if is_allowed}
        assert meant <= got, pair
        exceeded = {job.queue for job in got - meant}
        warned = {
            queue
            for queue in queues
            if any(path == f"/Stack/{name}" and f"queue {queue}," in text for path, text in found)
        }
        assert exceeded == warned, (pair, got - meant)
        exceeding += bool(exceeded)
    assert exceeding
