"""Properties of generated queues: valid queues pass all validators, and errors name the invalid field."""

import dataclasses
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from aws_cdk import App, Environment, Stack
from botocore.validate import ParamValidator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlane import (
    ConfigurationError,
    FairShare,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    Sharing,
    TimeLimitReason,
    TrainingQueue,
)
from tests import cfn_lint
from tests.aws_limits import violations
from tests.strategies import CAPACITIES, IDENTIFIERS, quota_managements, training_queues
from tests.support import template_of

BATCH = botocore.session.get_session().get_service_model("batch")

Arguments = dict[str, Any]


def new_stack() -> Stack:
    return Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))


def shape_errors(template: dict[str, Any]) -> list[str]:
    """Return the errors of botocore for each resource as a request to the Batch API."""
    errors = []
    for logical_id, resource in template["Resources"].items():
        kind = resource["Type"].removeprefix("AWS::Batch::")
        request = as_request(resource["Properties"])
        if kind == "SchedulingPolicy":
            request["name"] = logical_id  # CloudFormation generates the name
        report = ParamValidator().validate(request, BATCH.operation_model(f"Create{kind}").input_shape)
        if report.has_errors():
            errors.append(f"{logical_id}: {report.generate_report()}")
    return errors


def as_request(value: Any) -> Any:
    match value:
        case {"Fn::GetAtt": [str(logical_id), str()]}:
            return f"arn:{logical_id}"
        case dict():
            return {
                key[0].lower() + key[1:]: item if key == "Tags" else as_request(item) for key, item in value.items()
            }
        case list():
            return [as_request(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("examples", [5, pytest.param(25, marks=pytest.mark.slow)])
def test_valid_queues_pass_botocore_cfn_lint_and_the_table_of_limits(examples: int) -> None:
    @given(st.lists(training_queues(), min_size=4, max_size=8, unique_by=lambda queue: queue["queue_name"]))
    @settings(max_examples=examples)
    def check(queues: list[Arguments]) -> None:
        stack = new_stack()
        for number, arguments in enumerate(queues):
            TrainingQueue(stack, f"Queue{number}", **arguments)
        template = template_of(stack)
        del template["Parameters"], template["Rules"]

        assert shape_errors(template) == []
        assert cfn_lint.findings(template) == []
        assert violations(template) == []

    check()


Break = Callable[[Arguments], Arguments]


def with_policy(change: Callable[[Any], object]) -> Break:
    return lambda arguments: arguments | {"scheduling": change(arguments["scheduling"])}


def with_weights(more: dict[str, float]) -> Break:
    return with_policy(lambda policy: FairShare({**(policy.weight_factors if is_fair_share(policy) else {}), **more}))


def with_share(**changes: Any) -> Break:
    def change(policy: QuotaManagement) -> QuotaManagement:
        first, *rest = policy.shares
        return QuotaManagement(dataclasses.replace(first, **changes), *rest)

    return with_policy(change)


def with_action(**changes: Any) -> Break:
    valid: Arguments = {"reason": TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY, "max_time_seconds": 600}
    return lambda arguments: arguments | {"time_limit_actions": [JobStateTimeLimitAction(**(valid | changes))]}


def with_(**changes: Any) -> Break:
    return lambda arguments: arguments | changes


def with_decay(seconds: int) -> Break:
    return with_policy(lambda policy: FairShare(policy.weight_factors, share_decay_seconds=seconds))


def with_reservation(percent: int) -> Break:
    return with_policy(lambda policy: FairShare(policy.weight_factors, compute_reservation=percent))


def is_fair_share(policy: object) -> bool:
    return isinstance(policy, FairShare)


ANY_QUEUE = training_queues()
FAIR = training_queues("fair share")
QUOTAS = training_queues("quotas")
COUNTED = training_queues("fifo", "fair share")

NOT_NAMES = st.sampled_from(["", "a" * 129, "a b", "a.b", "ä", "a/b"])
NOT_IDENTIFIERS = st.sampled_from(["", "*", "a*b", "a" * 256, "a b", "a.b", "a**"])
BELOW_ONE = st.integers(max_value=0)

BREAKS: list[tuple[str, st.SearchStrategy[Arguments], st.SearchStrategy[Break]]] = [
    ("queue_name", ANY_QUEUE, NOT_NAMES.map(lambda name: with_(queue_name=name))),
    ("priority", ANY_QUEUE, (BELOW_ONE.map(lambda n: n - 1) | st.integers(1001)).map(lambda n: with_(priority=n))),
    ("state", ANY_QUEUE, st.sampled_from(["enabled", "", 1]).map(lambda state: with_(state=state))),
    ("tags", ANY_QUEUE, st.just(with_(tags={f"key{n}": "" for n in range(51)}))),
    ("capacity", COUNTED, BELOW_ONE.map(lambda n: with_(capacity=n))),
    ("capacity", QUOTAS, st.integers(1).map(lambda n: with_(capacity=n))),
    ("capacity", COUNTED, CAPACITIES.map(lambda capacity: with_(capacity=capacity))),
    ("capacity", QUOTAS, st.just(lambda queue: queue | {"capacity": queue["capacity"] | {"NUM_INSTANCES": 1}})),
    ("time_limit_actions", ANY_QUEUE, st.integers(max_value=599).map(lambda s: with_action(max_time_seconds=s))),
    ("time_limit_actions", ANY_QUEUE, st.integers(86401).map(lambda s: with_action(max_time_seconds=s))),
    ("time_limit_actions", ANY_QUEUE, st.just(with_action(action=JobAction.CANCEL))),
    ("scheduling.share_decay_seconds", FAIR, st.integers(604801).map(with_decay)),
    ("scheduling.compute_reservation", FAIR, st.integers(100).map(with_reservation)),
    ("scheduling.weight_factors", FAIR, NOT_IDENTIFIERS.map(lambda name: with_weights({name: 1}))),
    (
        "scheduling.weight_factors",
        FAIR,
        st.one_of(st.floats(max_value=0.00009), st.floats(1000), st.just(float("nan"))).map(
            lambda weight: with_weights({"-new": weight})
        ),
    ),
    ("scheduling.weight_factors", FAIR, st.just(with_weights({"-team*": 1, "-team-a": 1}))),
    ("scheduling.shares", QUOTAS, NOT_NAMES.map(lambda name: with_share(name=name))),
    ("scheduling.shares", QUOTAS, st.just(with_share(sharing=Sharing.RESERVE, borrow_limit=100))),
    ("scheduling.shares", QUOTAS, st.integers(max_value=-2).map(lambda n: with_share(borrow_limit=n))),
    ("scheduling.shares", QUOTAS, st.just(with_share(capacity={"ml.trn1.32xlarge": 1}))),
    ("scheduling.shares", QUOTAS, st.just(with_share(capacity={"p4d.24xlarge": 1}))),
    ("scheduling.shares", QUOTAS, BELOW_ONE.map(lambda n: with_share(capacity={"ml.p5.48xlarge": n}))),
    ("scheduling.shares", QUOTAS, st.just(with_policy(lambda _: QuotaManagement()))),
    (
        "scheduling.shares",
        QUOTAS,
        st.just(with_policy(lambda policy: QuotaManagement(*policy.shares, policy.shares[0]))),
    ),
    ("scheduling", ANY_QUEUE, st.just(with_(scheduling="FIFO"))),
]


@st.composite
def broken_queues(draw: st.DrawFn) -> tuple[str, Arguments]:
    field, queues, breaks = draw(st.sampled_from(BREAKS))
    return field, draw(breaks)(draw(queues))


@pytest.mark.parametrize("examples", [75, pytest.param(200, marks=pytest.mark.slow)])
def test_the_error_of_an_invalid_queue_names_the_field_and_leaves_no_node(examples: int) -> None:
    @given(broken_queues())
    @settings(max_examples=examples)
    @example(
        ("scheduling.shares", {"queue_name": "q", "capacity": {"ml.p5.48xlarge": 1}, "scheduling": QuotaManagement()})
    )
    def check(broken: tuple[str, Arguments]) -> None:
        field, arguments = broken
        stack = new_stack()
        with pytest.raises(ConfigurationError, match=r"^Stack/Queue: ") as raised:
            TrainingQueue(stack, "Queue", **arguments)
        fields = [str(problem).partition(": ")[0] for problem in raised.value.problems]
        assert any(name == field or name.startswith((f"{field}.", f"{field}[")) for name in fields), (field, fields)
        assert stack.node.try_find_child("Queue") is None

    check()


@given(CAPACITIES.flatmap(lambda capacity: st.tuples(st.just(capacity), quota_managements(capacity))))
def test_entitlements_are_at_most_the_ceilings_and_ceilings_at_most_the_capacity(
    case: tuple[Any, QuotaManagement],
) -> None:
    capacity, policy = case
    entitlements, ceilings = policy.entitlements(capacity), policy.ceilings(capacity)
    for share in policy.shares:
        assert entitlements[share.name] == share.capacity
        for unit, ceiling in ceilings[share.name].items():
            assert share.capacity[unit] <= ceiling <= capacity[unit]


@given(IDENTIFIERS, st.integers(1, 1000), st.integers(0, 99), st.data())
def test_fair_shares_divide_the_capacity_that_is_not_reserved(
    identifiers: list[str], capacity: int, reservation: int, data: st.DataObject
) -> None:
    weights = {identifier: data.draw(st.floats(0.0001, 999.9999)) for identifier in identifiers}
    policy = FairShare(weights, compute_reservation=reservation)
    entitled = {name: share["NUM_INSTANCES"] for name, share in policy.entitlements(capacity).items()}
    free = capacity * (1 - (reservation / 100) ** len(weights))
    assert sum(entitled.values()) == pytest.approx(free)
    weighted = [entitled[name] * weight for name, weight in weights.items()]
    assert weighted == pytest.approx([weighted[0]] * len(weighted))
    assert {ceiling["NUM_INSTANCES"] for ceiling in policy.ceilings(capacity).values()} == {
        capacity * (1 - reservation / 100)
    }
