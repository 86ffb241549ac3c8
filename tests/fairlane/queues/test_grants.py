"""Permissions on queues, evaluated as by IAM, for all pairs of role and share, and errors of arguments."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Token, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.queues import TrainingQueueBase
from tests.iam.roles import Deployment
from tests.iam_evaluator import Statement, is_allowed
from tests.support import problems_of

P4 = "ml.p4d.24xlarge"
SHARES = ["vision", "language", "vision-2"]
SUBMIT = "batch:SubmitServiceJob"


def arn(resource: str, region: str = "us-east-1") -> str:
    return f"arn:aws:batch:{region}:111122223333:{resource}"


def fair(stack: Stack, name: str = "fair") -> TrainingQueue:
    policy = FairShare(dict.fromkeys(SHARES, 1.0) | {"team-*": 1.0})
    return TrainingQueue(stack, name, queue_name=name, capacity=4, scheduling=policy)


def quotas(stack: Stack, name: str = "quotas") -> TrainingQueue:
    shares = (QuotaShare(name=share, capacity={P4: 1}, sharing=Sharing.LEND) for share in SHARES)
    return TrainingQueue(stack, name, queue_name=name, capacity={P4: 3}, scheduling=QuotaManagement(*shares))


def fifo(stack: Stack) -> TrainingQueue:
    return TrainingQueue(stack, "fifo", queue_name="fifo", capacity=4, scheduling=Fifo())


def role(stack: Stack, name: str = "Role") -> iam.Role:
    return iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal())


def policy_statements(stack: Stack, logical_id_prefix: str = "") -> list[Statement]:
    return Deployment.of(stack).statements(logical_id_prefix)


def may_submit(
    statements: list[Statement],
    queue: str,
    *,
    identifier: str | None = None,
    quota_share: str | None = None,
    priority: int | None = None,
    region: str = "us-east-1",
) -> bool:
    resources = [arn(f"job-queue/{queue}", region), arn("service-job/0123", region)]
    context: dict[str, str | int] = {}
    if quota_share is not None:
        resources.append(arn(f"job-queue/{queue}/quota-share/{quota_share}", region))
    if identifier is not None:
        context["batch:ShareIdentifier"] = identifier
    if priority is not None:
        context["batch:SchedulingPriority"] = priority
    return is_allowed(statements, SUBMIT, resources, context)


@pytest.mark.parametrize(("granted", "used"), list(itertools.product(SHARES, SHARES)))
def test_a_role_submits_to_its_share_and_no_other(stack: Stack, granted: str, used: str) -> None:
    fair(stack).grants.submit(role(stack, "Fair"), share_identifiers=[granted])
    quotas(stack).grants.submit(role(stack, "Quotas"), quota_shares=[granted])
    quotas(stack, "other")
    fair_statements, quota_statements = policy_statements(stack, "Fair"), policy_statements(stack, "Quotas")
    assert may_submit(fair_statements, "fair", identifier=used) == (granted == used)
    assert may_submit(quota_statements, "quotas", quota_share=used) == (granted == used)
    assert not may_submit(quota_statements, "other", quota_share=used)
    assert not may_submit(fair_statements, "fair")
    assert not may_submit(fair_statements, "fifo", identifier=used)


def test_grants_on_two_queues_with_quotas_do_not_mix(stack: Stack) -> None:
    person = role(stack)
    quotas(stack, "one").grants.submit(person, quota_shares=["vision"])
    quotas(stack, "two").grants.submit(person, quota_shares=["language"])
    statements = policy_statements(stack, "Role")
    allowed = {
        (queue, share)
        for queue in ("one", "two")
        for share in SHARES
        if may_submit(statements, queue, quota_share=share)
    }
    assert allowed == {("one", "vision"), ("two", "language")}


@pytest.mark.parametrize(("priority", "allowed"), [(None, True), (0, True), (50, True), (51, False), (9999, False)])
@pytest.mark.parametrize("build", [fair, quotas, fifo])
def test_no_role_submits_above_its_priority(
    stack: Stack, build: Callable[[Stack], TrainingQueue], priority: int | None, allowed: bool
) -> None:
    queue = build(stack)
    queue.grants.submit(role(stack), max_priority=50)
    statements = policy_statements(stack, "Role")
    share = {"identifier": "vision"} if build is fair else {"quota_share": "vision"} if build is quotas else {}
    assert may_submit(statements, queue.job_queue_name, priority=priority, **share) == allowed


def test_a_grant_without_shares_allows_all_shares(stack: Stack) -> None:
    fair(stack).grants.submit(role(stack, "Fair"))
    quotas(stack).grants.submit(role(stack, "Quotas"))
    fifo(stack).grants.submit(role(stack, "Plain"))
    assert may_submit(policy_statements(stack, "Fair"), "fair", identifier="anything")
    assert may_submit(policy_statements(stack, "Quotas"), "quotas", quota_share="vision")
    assert may_submit(policy_statements(stack, "Plain"), "fifo")
    assert not may_submit(policy_statements(stack, "Plain"), "fair")


def test_an_identifier_with_an_asterisk_allows_all_identifiers_with_the_prefix(stack: Stack) -> None:
    fair(stack).grants.submit(role(stack), share_identifiers=["team-*"])
    statements = policy_statements(stack, "Role")
    assert may_submit(statements, "fair", identifier="team-a")
    assert not may_submit(statements, "fair", identifier="teams")


@pytest.mark.parametrize(
    ("service", "passed", "allowed"),
    [("sagemaker.amazonaws.com", "Training", True), ("ec2.amazonaws.com", "Training", False), ("sagemaker.amazonaws.com", "Other", False)],
)  # fmt: skip
def test_only_the_execution_role_is_passed_and_only_to_sagemaker(
    stack: Stack, service: str, passed: str, allowed: bool
) -> None:
    roles = {name: role(stack, name) for name in ("Training", "Other")}
    fifo(stack).grants.submit(role(stack), execution_role=roles["Training"])
    target = f"arn:aws:iam::111122223333:role/{stack.get_logical_id(roles[passed].node.default_child)}"  # type: ignore[arg-type]
    assert (
        is_allowed(policy_statements(stack, "Role"), "iam:PassRole", [target], {"iam:PassedToService": service})
        == allowed
    )


def test_a_grant_without_an_execution_role_passes_no_role(stack: Stack) -> None:
    fifo(stack).grants.submit(role(stack))
    assert "PassRole" not in str(policy_statements(stack))


def test_managers_terminate_jobs_and_change_priorities_up_to_their_maximum(stack: Stack) -> None:
    fifo(stack).grants.manage(role(stack), max_priority=100)
    statements, job = policy_statements(stack, "Role"), [arn("service-job/0123")]
    assert is_allowed(statements, "batch:TerminateServiceJob", job, {})
    assert is_allowed(statements, "batch:UpdateServiceJob", job, {"batch:SchedulingPriority": 100})
    assert not is_allowed(statements, "batch:UpdateServiceJob", job, {"batch:SchedulingPriority": 101})
    assert not is_allowed(statements, "batch:UpdateServiceJob", job, {})
    assert not may_submit(statements, "fifo")


def test_observers_only_read(stack: Stack) -> None:
    fair(stack).grants.observe(role(stack))
    statements = policy_statements(stack, "Role")
    assert is_allowed(statements, "batch:GetJobQueueSnapshot", [arn("job-queue/fair")], {})
    assert not is_allowed(statements, "batch:GetJobQueueSnapshot", [arn("job-queue/other")], {})
    assert is_allowed(statements, "batch:DescribeQuotaShare", [arn("job-queue/fair/quota-share/a")], {})
    verbs = {action.partition(":")[2] for statement in statements for action in _actions(statement)}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


def _actions(statement: Statement) -> list[str]:
    actions = statement["Action"]
    return actions if isinstance(actions, list) else [actions]


def test_a_managed_policy_has_the_statements_of_a_grant(stack: Stack) -> None:
    queue = quotas(stack)
    training = role(stack, "Training")
    arguments: dict[str, Any] = {"quota_shares": ["vision"], "max_priority": 50, "execution_role": training}
    queue.grants.submit(role(stack), **arguments)
    queue.submit_policy("Scientists", **arguments)
    granted, policy = policy_statements(stack, "Role"), policy_statements(stack, "quotasScientists")
    assert granted == policy
    assert len(policy) >= 3


@pytest.mark.parametrize("by_arn", [True, False])
def test_grants_work_on_imported_queues(stack: Stack, by_arn: bool) -> None:
    queue: TrainingQueueBase
    region = "eu-west-1" if by_arn else "us-east-1"
    if by_arn:
        queue = TrainingQueue.from_job_queue_arn(stack, "Imported", arn("job-queue/imported", region))
    else:
        queue = TrainingQueue.from_job_queue_name(stack, "Imported", "imported")
    queue.grants.submit(role(stack, "Quotas"), quota_shares=["vision"])
    queue.grants.submit(role(stack, "Fair"), share_identifiers=["vision"])
    fair_statements, quota_statements = policy_statements(stack, "Fair"), policy_statements(stack, "Quotas")
    assert may_submit(quota_statements, "imported", quota_share="vision", region=region)
    assert not may_submit(quota_statements, "imported", quota_share="language", region=region)
    assert may_submit(fair_statements, "imported", identifier="vision", region=region)
    assert not may_submit(fair_statements, "imported", identifier="language", region=region)
    assert not may_submit(fair_statements, "imported", identifier="vision", region="us-west-2")


IMPORTED_ROLE = "arn:aws:iam::444455556666:role/imported"


@pytest.mark.parametrize(
    ("build", "arguments", "problem"),
    [
        (fair, {"share_identifiers": ["sound"]}, "share_identifiers[0]: got 'sound', allowed: a share of the queue: vision, language, vision-2, team-*"),
        (quotas, {"quota_shares": ["vision", "sound"]}, "quota_shares[1]: got 'sound', allowed: a share of the queue: vision, language, vision-2"),
        (quotas, {"quota_shares": []}, "quota_shares: got [], allowed: a list of one or more names"),
        (quotas, {"quota_shares": "vision"}, "quota_shares: got 'vision', allowed: a list of texts"),
        (fair, {"quota_shares": ["vision"]}, "quota_shares: requires QuotaManagement, and the queue has FairShare: remove quota_shares"),
        (quotas, {"share_identifiers": ["vision"]}, "share_identifiers: requires FairShare, and the queue has QuotaManagement: remove share_identifiers"),
        (fifo, {"share_identifiers": ["vision"]}, "share_identifiers: requires FairShare, and the queue has Fifo: remove share_identifiers"),
        (fifo, {"max_priority": -1}, "max_priority: got -1, allowed: a whole number, 0 to 9999"),
        (fifo, {"max_priority": 10_000}, "max_priority: got 10000, allowed: a whole number, 0 to 9999"),
        (fifo, {"execution_role": IMPORTED_ROLE}, "execution_role: the role is in account 444455556666, and the queue is in account 111122223333: use a role in the queue's account"),
    ],
)  # fmt: skip
def test_an_invalid_argument_is_refused_and_grants_nothing(
    stack: Stack, build: Callable[[Stack], TrainingQueue], arguments: dict[str, Any], problem: str
) -> None:
    queue, person = build(stack), role(stack)
    if "execution_role" in arguments:
        arguments = {"execution_role": iam.Role.from_role_arn(stack, "Imported", arguments["execution_role"])}
    assert problems_of(lambda: queue.grants.submit(person, **arguments)) == [problem]
    assert problems_of(lambda: queue.submit_policy("Policy", **arguments)) == [problem]
    assert policy_statements(stack) == []


def test_grants_to_a_service_are_refused(stack: Stack) -> None:
    grants, service = fifo(stack).grants, iam.ServicePrincipal("lambda.amazonaws.com")
    for grant in (grants.submit, grants.manage, grants.observe):
        (problem,) = problems_of(lambda grant=grant: grant(service))  # type: ignore[misc]
        assert problem == (
            "grantee: got 'lambda.amazonaws.com', allowed: an IAM role, user or group, because services do not submit jobs"
        )
    assert len(problems_of(lambda: grants.manage(service, max_priority=-1))) == 2


def test_tokens_and_unknown_accounts_pass(stack: Stack) -> None:
    token = Token.as_string({"Ref": "Share"})
    fair(stack).grants.submit(role(stack), share_identifiers=[token], max_priority=Token.as_number({"Ref": "X"}))  # type: ignore[arg-type]
    anywhere = Stack(App(), "Anywhere")
    imported = iam.Role.from_role_arn(anywhere, "Imported", IMPORTED_ROLE)
    fifo(anywhere).grants.submit(role(anywhere), execution_role=imported)
    here = Stack(App(), "Here", env=Environment(account="444455556666", region="us-east-1"))
    fifo(here).grants.submit(role(here), execution_role=iam.Role.from_role_arn(here, "Imported", IMPORTED_ROLE))


@pytest.mark.parametrize("environment", [Environment(account="111122223333", region="us-east-1"), None])
def test_cdk_nag_accepts_only_the_acknowledged_wildcards(environment: Environment | None) -> None:
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack", env=environment)
    person = role(stack)
    queue = quotas(stack)
    queue.grants.submit(person)
    queue.grants.manage(person)
    queue.submit_policy("Scientists")
    TrainingQueue.from_job_queue_arn(stack, "Imported", arn("job-queue/imported")).submit_policy("Scientists")
    app.synth()

    queue.grants.observe(person)
    with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Resource::\*\]"):
        app.synth(force=True)
