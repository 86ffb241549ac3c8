"""Sources of capacity, with clients that answer from tables."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.fan_out.capacity import market, queues
from fairlane_lambda.fan_out.capacity.needs import find_needs
from fairlane_lambda.fan_out.capacity.prices import OnDemandPrices, endpoint_region
from fairlane_lambda.fan_out.capacity.queues import Limits
from fairlane_lambda.fan_out.capacity.source import pages, read
from fairlane_lambda.fan_out.placement import Idle


class Client:
    """Client whose operations are functions of the request."""

    def __init__(self, **operations: Callable[..., Any]) -> None:
        self.__dict__.update(operations)


def product(dollars: str, unit: str = "Hrs", **attributes: str) -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": dollars}}
    terms = {"OnDemand": {"term": {"priceDimensions": {"one": dimension}}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": terms})


def price_list(names: Mapping[str, list[str]], products: list[str], asked: list[Any] | None = None) -> Client:
    def get_attribute_values(ServiceCode: str, AttributeName: str) -> Any:  # noqa: N803
        assert ServiceCode == "AmazonSageMaker"
        if AttributeName not in names:
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "GetAttributeValues")
        return {"AttributeValues": [{"Value": value} for value in names[AttributeName]]}

    def get_products(ServiceCode: str, Filters: list[dict[str, str]]) -> Any:  # noqa: N803
        if asked is not None:
            asked.append((ServiceCode, {rule["Field"]: rule["Value"] for rule in Filters}))
        return {"PriceList": products}

    return Client(get_attribute_values=get_attribute_values, get_products=get_products)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("instanceName", "ml.p4d.24xlarge"), ("instanceType", "ml.p4d.24xlarge-Training")],
)
@pytest.mark.parametrize(
    "use", [{"component": "Training"}, {"platoinstancetype": "Training"}, {"usagetype": "USE1-Train:ml.p4d.24xlarge"}]
)
def test_training_prices_are_found_whatever_attributes_have_them(
    attribute: str, value: str, use: dict[str, str]
) -> None:
    asked: list[Any] = []
    products = [
        product("1.0", component="Hosting"),
        product("0.0", **use),
        product("9.0", "GB", **use),
        product("2.5", **use),
        product("3.5", **use),
        json.dumps({"product": {"attributes": use}}),
    ]
    client = price_list({"instanceName": [], "instanceType": [], attribute: [value]}, products, asked)
    assert OnDemandPrices(client, "us-east-1").price("ml.p4d.24xlarge", "eu-west-1") == 2.5
    assert asked == [("AmazonSageMaker", {attribute: value, "regionCode": "eu-west-1"})]


def test_an_attribute_that_does_not_exist_is_left_out_without_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    client = price_list({"instanceType": ["ml.g5.xlarge"]}, [product("1.5", component="Training")])
    assert OnDemandPrices(client, "us-east-1").price("ml.g5.xlarge", "us-east-1") == 1.5
    assert capsys.readouterr().err == ""


def test_an_error_of_the_price_list_names_its_region(capsys: pytest.CaptureFixture[str]) -> None:
    def deny(**_: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAttributeValues")

    assert OnDemandPrices(Client(get_attribute_values=deny), "eu-central-1").price("ml.g5.xlarge", "eu-west-1") is None
    assert capsys.readouterr().err.splitlines() == [
        f"GetAttributeValues of {name} failed in eu-central-1: AccessDeniedException"
        for name in ("instanceName", "instanceType")
    ]


def test_an_unknown_price_is_none() -> None:
    client = price_list({"instanceName": [], "instanceType": []}, [product("1.5", component="Training")])
    assert OnDemandPrices(client, "us-east-1").price("ml.g5.xlarge", "us-east-1") is None


def test_prices_of_amazon_ec2_are_those_of_linux() -> None:
    asked: list[Any] = []
    assert (
        OnDemandPrices(price_list({}, [product("1.006")], asked), "us-east-1").price("g5.xlarge", "us-east-1") == 1.006
    )
    [(service, filters)] = asked
    assert (service, filters["operatingSystem"], filters["tenancy"]) == ("AmazonEC2", "Linux", "Shared")


@pytest.mark.parametrize(
    ("home", "endpoint"),
    [
        ("us-east-1", "us-east-1"),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
        ("eu-west-1", "eu-central-1"),
        ("me-south-1", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
    ],
)
def test_the_endpoint_of_the_price_list_is_near(home: str, endpoint: str) -> None:
    assert endpoint_region(home) == endpoint


def test_the_lowest_spot_price_of_all_zones_counts() -> None:
    def history(**request: Any) -> Any:
        page = int(request.get("NextToken", 0))
        price = {"InstanceType": "g5.xlarge", "SpotPrice": ["0.5", "0.3", "0.4"][page]}
        return {"SpotPriceHistory": [price], "NextToken": str(page + 1) if page < 2 else ""}

    assert market.spot_prices(Client(describe_spot_price_history=history), {"g5.xlarge"}) == {"g5.xlarge": 0.3}


def test_scores_are_asked_for_ten_regions_at_a_time() -> None:
    regions = [f"region-{number}" for number in range(23)]
    asked: list[int] = []

    def scores(**request: Any) -> Any:
        asked.append(len(request["RegionNames"]))
        assert (request["TargetCapacity"], request["InstanceTypes"]) == (15, ["p4d.24xlarge"])
        return {"SpotPlacementScores": [{"Region": name, "Score": 3} for name in request["RegionNames"]]}

    found = market.spot_scores(Client(get_spot_placement_scores=scores), "p4d.24xlarge", 15, regions)
    assert (found, asked) == (dict.fromkeys(regions, 3), [10, 10, 3])


def test_only_named_training_plans_count() -> None:
    def plan(name: str, free: int, *types: str) -> dict[str, Any]:
        capacity = [{"InstanceType": each} for each in types]
        return {"TrainingPlanName": name, "AvailableInstanceCount": free, "ReservedCapacitySummaries": capacity}

    p4, p5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"
    plans = [plan("a", 2, p4, p4), plan("b", 3, p4), plan("c", 4, p5), plan("other", 9, p4)]
    client = Client(list_training_plans=lambda **_: {"TrainingPlanSummaries": plans})
    assert market.free_in_plans(client, {"a", "b", "c"}) == {p4: 5, p5: 4}
    assert market.free_in_plans(Client(), ()) == {}


def test_open_and_named_reservations_count() -> None:
    def reservation(identifier: str, criteria: str, free: int) -> dict[str, Any]:
        members = {"InstanceType": "g5.xlarge", "AvailableInstanceCount": free, "InstanceMatchCriteria": criteria}
        return {"CapacityReservationId": identifier, **members}

    found = [reservation("cr-1", "open", 1), reservation("cr-2", "targeted", 2), reservation("cr-3", "targeted", 4)]
    client = Client(describe_capacity_reservations=lambda **_: {"CapacityReservations": found})
    assert market.free_in_reservations(client, {"cr-3"}) == {"g5.xlarge": 5}


def test_needs_are_read_in_the_templates() -> None:
    arn = "arn:aws:sagemaker:${region}:${account}:training-plan/campaigns"
    template = {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 15, "TrainingPlanArn": arn}}
    needs = find_needs([json.dumps(template), '{"InstanceType": "${instance_type}", "InstanceCount": 2}'])
    assert needs == (frozenset({"ml.p4d.24xlarge"}), 15, frozenset({"campaigns"}))
    assert find_needs([]) == (frozenset(), 1, frozenset())


SERVICE = Limits("service", {"NUM_INSTANCES": 20}, frozenset())
QUOTA = Limits("service", {"ml.g5.xlarge": 4}, frozenset({"ml.g5.xlarge"}))
COMPUTE = Limits("compute", {"VCPU": 100}, frozenset({"g5.xlarge"}))


@pytest.mark.parametrize(
    ("limits", "use", "name", "vcpus", "expected"),
    [
        (SERVICE, {"NUM_INSTANCES": 5.0}, "ml.g5.xlarge", None, Idle(15, "NUM_INSTANCES")),
        (SERVICE, {"NUM_INSTANCES": 25.0}, "ml.g5.xlarge", None, Idle(0, "NUM_INSTANCES")),
        (SERVICE, None, "ml.g5.xlarge", None, Idle(None, "NUM_INSTANCES")),
        (QUOTA, {"ml.g5.xlarge": 1.0}, "ml.g5.xlarge", None, Idle(3, "ml.g5.xlarge")),
        (QUOTA, {}, "ml.p4d.24xlarge", None, Idle(0, "ml.p4d.24xlarge")),
        (COMPUTE, {"VCPU": 10.0}, "g5.xlarge", 4, Idle(22, "g5.xlarge")),
        (COMPUTE, {}, "g5.xlarge", None, Idle(None, "g5.xlarge")),
    ],
)
def test_idle_capacity(limits: Limits, use: Any, name: str, vcpus: int | None, expected: Idle) -> None:
    assert queues.idle(limits, use, name, vcpus) == expected


def environment(name: str, state: str, vcpus: int, *types: str, **resources: Any) -> dict[str, Any]:
    members = {"maxvCpus": vcpus, "instanceTypes": list(types), **resources}
    return {"computeEnvironmentName": name, "state": state, "computeResources": members}


def test_limits_are_those_of_the_enabled_environments() -> None:
    template = {"launchTemplateId": "lt-1", "version": "3"}
    environments = [
        environment("a", "ENABLED", 96, "p4d.24xlarge", "g5", launchTemplate=template),
        environment("b", "DISABLED", 50, "g5.xlarge"),
    ]
    order = [{"computeEnvironment": "a"}, {"computeEnvironment": "b"}]
    shared = {"serviceEnvironmentOrder": [{"serviceEnvironment": "s"}]}
    described: list[dict[str, Any]] = [
        {"jobQueueName": "gpu", "state": "ENABLED", "computeEnvironmentOrder": order},
        {"jobQueueName": "training", "state": "ENABLED", **shared},
        {"jobQueueName": "closed", "state": "DISABLED", **shared},
        {"jobQueueName": "empty", "state": "ENABLED"},
    ]
    limit = {"capacityUnit": "NUM_INSTANCES", "maxCapacity": 30}
    service = {"state": "ENABLED", "capacityLimits": [limit]}
    batch = Client(
        describe_job_queues=lambda **_: {"jobQueues": described},
        describe_compute_environments=lambda **_: {"computeEnvironments": environments},
        describe_service_environments=lambda **_: {"serviceEnvironments": [service]},
    )
    found = queues.read_limits(batch, [queue["jobQueueName"] for queue in described])
    assert found["gpu"] == Limits("compute", {"VCPU": 96}, frozenset({"p4d.24xlarge", "g5.xlarge"}), [template])
    assert found["training"] == Limits("service", {"NUM_INSTANCES": 30}, frozenset())
    assert found["closed"].amounts == found["empty"].amounts == {}


def test_reservations_of_launch_templates() -> None:
    def versions(**request: Any) -> Any:
        target = {"CapacityReservationId": f"cr-{request['LaunchTemplateId']}-{request['Versions'][0]}"}
        data = {"CapacityReservationSpecification": {"CapacityReservationTarget": target}}
        return {"LaunchTemplateVersions": [{"LaunchTemplateData": data}, {"LaunchTemplateData": {}}]}

    templates = [{"launchTemplateId": "1", "version": "3"}, {"launchTemplateId": "2"}, {"launchTemplateName": "x"}]
    limits = [Limits("compute", {}, frozenset(), templates)]
    client = Client(describe_launch_template_versions=versions)
    assert queues.read_reservations(client, "us-east-1", limits) == {"cr-1-3", "cr-2-$Default"}


def test_a_source_that_fails_has_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ValueError("secret")

    assert read("Spot prices", "eu-west-1", fail, 7) == 7
    assert capsys.readouterr().err == "Spot prices failed in eu-west-1: ValueError\n"


def test_pages_end_with_the_last_token() -> None:
    tokens = iter(["a", "b", None])
    client = Client(call=lambda **request: {"NextToken": next(tokens), "asked": request.get("NextToken")})
    assert [page["asked"] for page in pages(client, "call", x=1)] == [None, "a", "b"]
