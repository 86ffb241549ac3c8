"""Requests that are refused before a write, and their reasons."""

from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from tests.fairlane_lambda.registry_rules.cloudformation import Context, call, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, client_error, raises, rule


def failure(registry: FakeRegistry, properties: Any) -> str:
    response = call(registry, request("Create", properties))
    assert registry.writes == 0
    assert response.failure is not None
    return response.failure


@pytest.mark.parametrize(
    ("invalid", "reason"),
    [
        ({"Owner": "", "Rules": []}, "Owner must be a string, got ''"),
        ({"Rules": []}, "Owner must be a string, got None"),
        ({"Owner": "a"}, "Rules must be a list, got None"),
        ({"Owner": "a", "Rules": {}}, "Rules must be a list, got {}"),
        ({"Owner": "a", "Rules": ["x"]}, "Rules[0] must be an object with destinations and repositoryFilters, got 'x'"),
        (properties(rule(None)), "Rules[0] must be an object with destinations and repositoryFilters"),
        (properties(rule(), rule(deleteReplication={"enabled": "true"})), "Rules[1] must be an object with"),
        (properties(rule(destinations=[])), "Rules[0].destinations must be a list with at least one item, got []"),
        (properties(rule(repositoryFilters=[])), "Rules[0].repositoryFilters must be a list with at least one item"),
        (properties(rule(destinations=[{"region": "eu-west-1"}])), "Rules[0].destinations[0] must be an object with"),
        (
            properties(rule(destinations=[{"region": "eu-west-1", "registryId": 1}])),
            "Rules[0].destinations[0].registryId must be a string, got 1",
        ),
        (
            properties(rule(repositoryFilters=[{"filter": "", "filterType": "PREFIX_MATCH"}])),
            "Rules[0].repositoryFilters[0].filter must be a string, got ''",
        ),
    ],
)
def test_invalid_properties_are_refused(invalid: Any, reason: str) -> None:
    assert failure(FakeRegistry(rule("other/")), invalid).startswith(reason)


def test_a_registry_has_at_most_10_rules() -> None:
    others = [rule(f"other{number}/") for number in range(8)]
    assert call(FakeRegistry(*others), request("Create", properties(rule("a/"), rule("b/")))).failure is None
    assert failure(FakeRegistry(*others), properties(rule("a/"), rule("b/"), rule("c/"))) == (
        "nothing was changed: the registry would have 11 rules, including 3 of this resource, and ECR allows 10"
    )


def test_a_registry_has_at_most_25_destinations() -> None:
    others = rule("other/", *(f"eu-west-{number}" for number in range(1, 25)))
    new_properties = properties(rule("a/", "us-east-2", "eu-west-1"), rule("b/", "us-east-2"))
    assert call(FakeRegistry(others), request("Create", new_properties)).failure is None
    elsewhere = [{"region": "us-east-2", "registryId": "999999999999"}]
    new_properties = properties(rule("a/", "us-east-2"), rule("b/", destinations=elsewhere))
    assert failure(FakeRegistry(others), new_properties) == (
        "nothing was changed: the registry would have 26 destinations, and ECR allows 25"
    )


def test_a_rule_has_at_most_100_filters() -> None:
    filters = [{"filter": f"team{number}/", "filterType": "PREFIX_MATCH"} for number in range(100)]
    assert call(FakeRegistry(), request("Create", properties(rule(repositoryFilters=filters[:99])))).failure is None
    assert failure(FakeRegistry(), properties(rule(repositoryFilters=filters))) == (
        "nothing was changed: the registry would have a rule with 101 filters, including Fairlane's own filter, "
        "and ECR allows 100"
    )


def test_all_exceeded_limits_are_reported_together() -> None:
    many = [rule(f"other{number}/", f"eu-west-{number}", f"us-west-{number}") for number in range(10)]
    reason = failure(FakeRegistry(*many), properties(rule("a/", *(f"ap-south-{number}" for number in range(6)))))
    assert "11 rules" in reason
    assert "26 destinations" in reason


def test_rules_are_removed_even_over_a_limit() -> None:
    registry = FakeRegistry()
    created = call(registry, request("Create", properties(rule("a/"))))
    registry.rules.insert(0, rule("other/", *(f"eu-west-{number}" for number in range(26))))
    assert call(registry, request("Delete", properties(), PhysicalResourceId=created.physical_id)).failure is None
    assert len(registry.rules) == 1


@pytest.mark.parametrize("hook", ["before_read", "before_write"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("AccessDeniedException", 400), "AccessDeniedException: AWS's words"),
        (client_error("ValidationException", 400), "ValidationException: AWS's words"),
        (NoCredentialsError(), "NoCredentialsError: Unable to locate credentials"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_a_permanent_error_is_reported_at_once(hook: str, error: Exception, reason: str) -> None:
    registry = FakeRegistry()
    getattr(registry, hook).append(raises(error))
    assert failure(registry, properties(rule("a/"))) == reason


@pytest.mark.parametrize("hook", ["before_read", "before_write", "after_write"])
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
def test_a_transient_error_is_retried(hook: str, error: Exception) -> None:
    registry = FakeRegistry()
    getattr(registry, hook).extend([raises(error), raises(error)])
    assert call(registry, request("Create", properties(rule("a/")))).failure is None
    assert len(registry.rules) == 1


def test_a_transient_error_is_reported_after_all_retries() -> None:
    registry = FakeRegistry()
    registry.before_read.extend([raises(client_error("ThrottlingException", 400, "DescribeRegistry"))] * 20)
    assert failure(registry, properties(rule("a/"))) == "ThrottlingException: AWS's words"
    assert len(registry.before_read) == 14


def test_nothing_is_written_if_too_little_time_is_left() -> None:
    registry = FakeRegistry()
    response = call(registry, request("Create", properties(rule("a/"))), Context(39_999))
    assert response.failure is not None
    assert "too little time was left" in response.failure
    assert registry.writes == 0


def test_the_retries_end_when_the_time_runs_out() -> None:
    registry = FakeRegistry()
    registry.before_read.extend([raises(client_error("ThrottlingException", 400))] * 20)
    call(registry, request("Create", properties(rule("a/"))), Context(100_000, 100_000, 20_000))
    assert len(registry.before_read) == 17


def test_existing_rules_need_no_time() -> None:
    registry = FakeRegistry()
    event = request("Create", properties(rule("a/")))
    call(registry, event)
    assert call(registry, event, Context(1_000)).failure is None


def test_the_log_has_the_reason_and_no_url(capsys: pytest.CaptureFixture[str]) -> None:
    failure(FakeRegistry(), properties(owner=""))
    logged = capsys.readouterr().err
    assert "Owner must be a string" in logged
    assert "https" not in logged
