"""Permissions, as IAM would evaluate them: over every pair of role and share, and for every wrong argument."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Token, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.queues import TrainingQueueBase
from tests.iam_evaluator import Context, Statement, is_allowed
from tests.support import problems_of, template_of

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


def statements_of(stack: Stack, policy: str = "") -> list[Statement]:
    """The statements of all policies whose logical id starts so, with what CloudFormation would put in."""
    by_id = template_of(stack)["Resources"]

    def filled(value: Any) -> Any:
        match value:
            case {"Ref": "AWS::Partition"}:
                return "aws"
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(filled, parts))
            case {"Fn::GetAtt": [logical_id, "JobQueueArn"]}:
                return arn(f"job-queue/{by_id[logical_id]['Properties']['JobQueueName']}")
            case {"Fn::GetAtt": [logical_id, "Arn"]}:
                return f"arn:aws:iam::111122223333:role/{logical_id}"
            case dict():
                return {key: filled(item) for key, item in value.items()}
            case list():
                return [filled(item) for item in value]
            case _:
                return value

    return [
        statement
        for logical_id, resource in by_id.items()
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} and logical_id.startswith(policy)
        for statement in filled(resource["Properties"]["PolicyDocument"]["Statement"])
    ]


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
    context: Context = {}
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
    of_fair, of_quotas = statements_of(stack, "Fair"), statements_of(stack, "Quotas")
    assert may_submit(of_fair, "fair", identifier=used) == (granted == used)
    assert may_submit(of_quotas, "quotas", quota_share=used) == (granted == used)
    assert not may_submit(of_quotas, "other", quota_share=used)
    assert not may_submit(of_fair, "fair")
    assert not may_submit(of_fair, "fifo", identifier=used)


def test_grants_on_two_queues_with_quotas_do_not_mix(stack: Stack) -> None:
    person = role(stack)
    quotas(stack, "one").grants.submit(person, quota_shares=["vision"])
    quotas(stack, "two").grants.submit(person, quota_shares=["language"])
    statements = statements_of(stack, "Role")
    allowed = {
        (queue, share)
        for queue in ("one", "two")
        for share in SHARES
        if may_submit(statements, queue, quota_share=share)
    }
    assert allowed == {("one", "vision"), ("two", "language")}


@pytest.mark.parametrize(("priority", "allowed"), [(None, True), (0, True), (50, True), (51, False), (9999, False)])
@pytest.mark.parametrize("build", [fair, quotas, fifo])
def test_nobody_submits_above_their_priority(
    stack: Stack, build: Callable[[Stack], TrainingQueue], priority: int | None, allowed: bool
) -> None:
    queue = build(stack)
    queue.grants.submit(role(stack), max_priority=50)
    statements = statements_of(stack, "Role")
    share = {"identifier": "vision"} if build is fair else {"quota_share": "vision"} if build is quotas else {}
    assert may_submit(statements, queue.job_queue_name, priority=priority, **share) == allowed


def test_without_shares_named_all_are_allowed(stack: Stack) -> None:
    fair(stack).grants.submit(role(stack, "Fair"))
    quotas(stack).grants.submit(role(stack, "Quotas"))
    fifo(stack).grants.submit(role(stack, "Plain"))
    assert may_submit(statements_of(stack, "Fair"), "fair", identifier="anything")
    assert may_submit(statements_of(stack, "Quotas"), "quotas", quota_share="vision")
    assert may_submit(statements_of(stack, "Plain"), "fifo")
    assert not may_submit(statements_of(stack, "Plain"), "fair")


def test_prefixes_stand_for_all_that_start_so(stack: Stack) -> None:
    fair(stack).grants.submit(role(stack), share_identifiers=["team-*"])
    statements = statements_of(stack, "Role")
    assert may_submit(statements, "fair", identifier="team-a")
    assert not may_submit(statements, "fair", identifier="teams")


@pytest.mark.parametrize(
    ("service", "passed", "allowed"),
    [("sagemaker.amazonaws.com", "Training", True), ("ec2.amazonaws.com", "Training", False), ("sagemaker.amazonaws.com", "Other", False)],
)  # fmt: skip
def test_only_the_named_role_is_passed_and_only_to_sagemaker(
    stack: Stack, service: str, passed: str, allowed: bool
) -> None:
    roles = {name: role(stack, name) for name in ("Training", "Other")}
    fifo(stack).grants.submit(role(stack), execution_role=roles["Training"])
    target = f"arn:aws:iam::111122223333:role/{stack.get_logical_id(roles[passed].node.default_child)}"  # type: ignore[arg-type]
    assert (
        is_allowed(statements_of(stack, "Role"), "iam:PassRole", [target], {"iam:PassedToService": service}) == allowed
    )


def test_without_a_role_nothing_is_passed(stack: Stack) -> None:
    fifo(stack).grants.submit(role(stack))
    assert "PassRole" not in str(statements_of(stack))


def test_managers_terminate_and_change_priorities_up_to_theirs(stack: Stack) -> None:
    fifo(stack).grants.manage(role(stack), max_priority=100)
    statements, job = statements_of(stack, "Role"), [arn("service-job/0123")]
    assert is_allowed(statements, "batch:TerminateServiceJob", job, {})
    assert is_allowed(statements, "batch:UpdateServiceJob", job, {"batch:SchedulingPriority": 100})
    assert not is_allowed(statements, "batch:UpdateServiceJob", job, {"batch:SchedulingPriority": 101})
    assert not is_allowed(statements, "batch:UpdateServiceJob", job, {})
    assert not may_submit(statements, "fifo")


def test_observers_only_look(stack: Stack) -> None:
    fair(stack).grants.observe(role(stack))
    statements = statements_of(stack, "Role")
    assert is_allowed(statements, "batch:GetJobQueueSnapshot", [arn("job-queue/fair")], {})
    assert not is_allowed(statements, "batch:GetJobQueueSnapshot", [arn("job-queue/other")], {})
    assert is_allowed(statements, "batch:DescribeQuotaShare", [arn("job-queue/fair/quota-share/a")], {})
    verbs = {action.removeprefix("batch:") for statement in statements for action in _actions(statement)}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


def _actions(statement: Statement) -> list[str]:
    actions = statement["Action"]
    return actions if isinstance(actions, list) else [actions]


def test_a_policy_says_the_same_as_a_grant(stack: Stack) -> None:
    queue = quotas(stack)
    training = role(stack, "Training")
    arguments: dict[str, Any] = {"quota_shares": ["vision"], "max_priority": 50, "execution_role": training}
    queue.grants.submit(role(stack), **arguments)
    queue.submit_policy("Scientists", **arguments)
    granted, policy = statements_of(stack, "Role"), statements_of(stack, "quotasScientists")
    assert granted == policy
    assert len(policy) >= 3


@pytest.mark.parametrize("by_arn", [True, False])
def test_queues_from_elsewhere_are_granted_too(stack: Stack, by_arn: bool) -> None:
    queue: TrainingQueueBase
    region = "eu-west-1" if by_arn else "us-east-1"
    if by_arn:
        queue = TrainingQueue.from_job_queue_arn(stack, "Theirs", arn("job-queue/theirs", region))
    else:
        queue = TrainingQueue.from_job_queue_name(stack, "Theirs", "theirs")
    queue.grants.submit(role(stack, "Quotas"), quota_shares=["vision"])
    queue.grants.submit(role(stack, "Fair"), share_identifiers=["vision"])
    of_fair, of_quotas = statements_of(stack, "Fair"), statements_of(stack, "Quotas")
    assert may_submit(of_quotas, "theirs", quota_share="vision", region=region)
    assert not may_submit(of_quotas, "theirs", quota_share="language", region=region)
    assert may_submit(of_fair, "theirs", identifier="vision", region=region)
    assert not may_submit(of_fair, "theirs", identifier="language", region=region)
    assert not may_submit(of_fair, "theirs", identifier="vision", region="us-west-2")


THEIRS = "arn:aws:iam::444455556666:role/theirs"


@pytest.mark.parametrize(
    ("build", "arguments", "problem"),
    [
        (fair, {"share_identifiers": ["sound"]}, "share_identifiers: got 'sound', allowed: shares of the queue: vision, language, vision-2, team-*"),
        (quotas, {"quota_shares": ["vision", "sound"]}, "quota_shares: got 'sound', allowed: shares of the queue: vision, language, vision-2"),
        (quotas, {"quota_shares": []}, "quota_shares: got [], allowed: a list of one or more"),
        (quotas, {"quota_shares": "vision"}, "quota_shares: got 'vision', allowed: a list of one or more"),
        (fair, {"quota_shares": ["vision"]}, "quota_shares: got ['vision'], allowed: this keyword only with QuotaManagement; the queue has FairShare"),
        (quotas, {"share_identifiers": ["vision"]}, "share_identifiers: got ['vision'], allowed: this keyword only with FairShare; the queue has QuotaManagement"),
        (fifo, {"share_identifiers": ["vision"]}, "share_identifiers: got ['vision'], allowed: this keyword only with FairShare; the queue has Fifo"),
        (fifo, {"max_priority": -1}, "max_priority: got -1, allowed: a whole number, 0 to 9999"),
        (fifo, {"max_priority": 10_000}, "max_priority: got 10000, allowed: a whole number, 0 to 9999"),
        (fifo, {"execution_role": THEIRS}, "execution_role: got 'a role of account 444455556666', allowed: a role of the queue's account 111122223333"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_and_grants_nothing(
    stack: Stack, build: Callable[[Stack], TrainingQueue], arguments: dict[str, Any], problem: str
) -> None:
    queue, person = build(stack), role(stack)
    if "execution_role" in arguments:
        arguments = {"execution_role": iam.Role.from_role_arn(stack, "Theirs", arguments["execution_role"])}
    assert problems_of(lambda: queue.grants.submit(person, **arguments)) == [problem]
    assert problems_of(lambda: queue.submit_policy("Policy", **arguments)) == [problem]
    assert statements_of(stack) == []


def test_no_service_is_granted_anything(stack: Stack) -> None:
    grants, service = fifo(stack).grants, iam.ServicePrincipal("lambda.amazonaws.com")
    for grant in (grants.submit, grants.manage, grants.observe):
        (problem,) = problems_of(lambda grant=grant: grant(service))  # type: ignore[misc]
        assert problem == "grantee: got 'lambda.amazonaws.com', allowed: a role, user or group: no service submits jobs"
    assert len(problems_of(lambda: grants.manage(service, max_priority=-1))) == 2


def test_tokens_and_unknown_accounts_pass(stack: Stack) -> None:
    token = Token.as_string({"Ref": "Share"})
    fair(stack).grants.submit(role(stack), share_identifiers=[token], max_priority=Token.as_number({"Ref": "X"}))  # type: ignore[arg-type]
    anywhere = Stack(App(), "Anywhere")
    theirs = iam.Role.from_role_arn(anywhere, "Theirs", THEIRS)
    fifo(anywhere).grants.submit(role(anywhere), execution_role=theirs)
    here = Stack(App(), "Here", env=Environment(account="444455556666", region="us-east-1"))
    fifo(here).grants.submit(role(here), execution_role=iam.Role.from_role_arn(here, "Theirs", THEIRS))


@pytest.mark.parametrize("environment", [Environment(account="111122223333", region="us-east-1"), None])
def test_cdk_nag_accepts_the_wildcards_that_are_meant_and_no_others(environment: Environment | None) -> None:
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack", env=environment)
    person = role(stack)
    queue = quotas(stack)
    queue.grants.submit(person)
    queue.grants.manage(person)
    queue.submit_policy("Scientists")
    TrainingQueue.from_job_queue_arn(stack, "Theirs", arn("job-queue/theirs")).submit_policy("Scientists")
    app.synth()

    queue.grants.observe(person)
    with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Resource::\*\]"):
        app.synth(force=True)
