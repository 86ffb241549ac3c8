"""What is refused before anything is written, and what is told of it."""

from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from tests.fairlane_lambda.registry_rules.cloudformation import Context, call, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, client_error, raises, rule


def failure(registry: FakeRegistry, wanted: Any) -> str:
    answer = call(registry, request("Create", wanted))
    assert registry.writes == 0
    assert answer.failure is not None
    return answer.failure


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"Owner": "", "Rules": []}, "Owner must be a text, got ''"),
        ({"Rules": []}, "Owner must be a text, got None"),
        ({"Owner": "a"}, "Rules must be a list, got None"),
        ({"Owner": "a", "Rules": {}}, "Rules must be a list, got {}"),
        ({"Owner": "a", "Rules": ["x"]}, "Rules[0] must be an object with destinations and repositoryFilters, got 'x'"),
        (properties(rule(None)), "Rules[0] must be an object with destinations and repositoryFilters"),
        (properties(rule(), rule(deleteReplication={"enabled": "true"})), "Rules[1] must be an object with"),
        (properties(rule(destinations=[])), "Rules[0].destinations must be a list with at least one member, got []"),
        (properties(rule(repositoryFilters=[])), "Rules[0].repositoryFilters must be a list with at least one member"),
        (properties(rule(destinations=[{"region": "eu-west-1"}])), "Rules[0].destinations[0] must be an object with"),
        (
            properties(rule(destinations=[{"region": "eu-west-1", "registryId": 1}])),
            "Rules[0].destinations[0].registryId must be a text, got 1",
        ),
        (
            properties(rule(repositoryFilters=[{"filter": "", "filterType": "PREFIX_MATCH"}])),
            "Rules[0].repositoryFilters[0].filter must be a text, got ''",
        ),
    ],
)
def test_properties_that_are_wrong(wanted: Any, reason: str) -> None:
    assert failure(FakeRegistry(rule("theirs/")), wanted).startswith(reason)


def test_ten_rules_are_as_many_as_there_may_be() -> None:
    theirs = [rule(f"theirs{number}/") for number in range(8)]
    assert call(FakeRegistry(*theirs), request("Create", properties(rule("a/"), rule("b/")))).failure is None
    assert failure(FakeRegistry(*theirs), properties(rule("a/"), rule("b/"), rule("c/"))) == (
        "the registry would have 11 rules, 3 of them of this resource, where ECR allows 10; nothing was changed"
    )


def test_25_destinations_are_as_many_as_there_may_be() -> None:
    theirs = rule("theirs/", *(f"eu-west-{number}" for number in range(1, 25)))
    wanted = properties(rule("a/", "us-east-2", "eu-west-1"), rule("b/", "us-east-2"))
    assert call(FakeRegistry(theirs), request("Create", wanted)).failure is None
    elsewhere = [{"region": "us-east-2", "registryId": "999999999999"}]
    wanted = properties(rule("a/", "us-east-2"), rule("b/", destinations=elsewhere))
    assert failure(FakeRegistry(theirs), wanted) == (
        "the registry would have 26 destinations, where ECR allows 25; nothing was changed"
    )


def test_100_filters_are_as_many_as_a_rule_may_have() -> None:
    filters = [{"filter": f"team{number}/", "filterType": "PREFIX_MATCH"} for number in range(100)]
    assert call(FakeRegistry(), request("Create", properties(rule(repositoryFilters=filters[:99])))).failure is None
    assert failure(FakeRegistry(), properties(rule(repositoryFilters=filters))) == (
        "the registry would have a rule with 101 filters, Fairlane's mark among them, where ECR allows 100; "
        "nothing was changed"
    )


def test_all_limits_are_told_at_once() -> None:
    many = [rule(f"theirs{number}/", f"eu-west-{number}", f"us-west-{number}") for number in range(10)]
    told = failure(FakeRegistry(*many), properties(rule("a/", *(f"ap-south-{number}" for number in range(6)))))
    assert "11 rules" in told
    assert "26 destinations" in told


def test_rules_are_taken_away_whatever_the_limits() -> None:
    registry = FakeRegistry()
    created = call(registry, request("Create", properties(rule("a/"))))
    registry.rules.insert(0, rule("theirs/", *(f"eu-west-{number}" for number in range(26))))
    assert call(registry, request("Delete", properties(), PhysicalResourceId=created.physical_id)).failure is None
    assert len(registry.rules) == 1


@pytest.mark.parametrize("moment", ["before_read", "before_write"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("AccessDeniedException", 400), "AccessDeniedException: AWS's words"),
        (client_error("ValidationException", 400), "ValidationException: AWS's words"),
        (NoCredentialsError(), "NoCredentialsError: Unable to locate credentials"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_an_error_that_stays_is_told_at_once(moment: str, error: Exception, reason: str) -> None:
    registry = FakeRegistry()
    getattr(registry, moment).append(raises(error))
    assert failure(registry, properties(rule("a/"))) == reason


@pytest.mark.parametrize("moment", ["before_read", "before_write", "after_write"])
@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException", 400),
        client_error("ServerException", 500),
        client_error("Whatever", 503),
        client_error("TooManyRequestsException", 429),
        EndpointConnectionError(endpoint_url="https://api.ecr.us-east-1.amazonaws.com"),
        ReadTimeoutError(endpoint_url="https://api.ecr.us-east-1.amazonaws.com"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_passes_is_waited_for(moment: str, error: Exception) -> None:
    registry = FakeRegistry()
    getattr(registry, moment).extend([raises(error), raises(error)])
    assert call(registry, request("Create", properties(rule("a/")))).failure is None
    assert len(registry.rules) == 1


def test_an_error_that_does_not_pass_is_told_in_the_end() -> None:
    registry = FakeRegistry()
    registry.before_read.extend([raises(client_error("ThrottlingException", 400, "DescribeRegistry"))] * 20)
    assert failure(registry, properties(rule("a/"))) == "ThrottlingException: AWS's words"
    assert len(registry.before_read) == 14


def test_nothing_is_written_when_the_time_is_short() -> None:
    registry = FakeRegistry()
    answer = call(registry, request("Create", properties(rule("a/"))), Context(39_999))
    assert answer.failure is not None
    assert "too little time was left" in answer.failure
    assert registry.writes == 0


def test_time_that_runs_out_ends_the_tries() -> None:
    registry = FakeRegistry()
    registry.before_read.extend([raises(client_error("ThrottlingException", 400))] * 20)
    call(registry, request("Create", properties(rule("a/"))), Context(100_000, 100_000, 20_000))
    assert len(registry.before_read) == 17


def test_what_is_rightly_there_needs_no_time() -> None:
    registry = FakeRegistry()
    event = request("Create", properties(rule("a/")))
    call(registry, event)
    assert call(registry, event, Context(1_000)).failure is None


def test_the_log_has_the_reason_and_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    failure(FakeRegistry(), properties(owner=""))
    logged = capsys.readouterr().err
    assert "Owner must be a text" in logged
    assert "https" not in logged
