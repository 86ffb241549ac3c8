import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client

pytestmark = pytest.mark.slow
ACCOUNT = "123456789012"


def test_prices_are_listed_by_their_attributes(aws: LocalAws) -> None:
    pricing = client("pricing", aws.port, ACCOUNT, "us-east-1")
    names = pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="component")
    assert [value["Value"] for value in names["AttributeValues"]] == ["Hosting", "Training"]
    wanted = {"instanceName": "ml.p4d.24xlarge", "regionCode": "eu-central-1", "component": "Training"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    products = pricing.get_products(ServiceCode="AmazonSageMaker", Filters=filters)["PriceList"]
    [term] = json.loads(products[0])["terms"]["OnDemand"].values()
    [dimension] = term["priceDimensions"].values()
    assert (len(products), dimension["pricePerUnit"]["USD"]) == (1, "30.3000000000")


def test_prices_come_in_pages(aws: LocalAws) -> None:
    pricing = client("pricing", aws.port, ACCOUNT, "ap-south-1")
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", MaxResults=7)
    sizes = [len(page["PriceList"]) for page in pages]
    assert (set(sizes[:-1]), sum(sizes)) == ({7}, 180)


@pytest.mark.parametrize(
    ("region", "service", "attribute", "code"),
    [
        ("eu-west-1", "AmazonEC2", "instanceType", "AccessDeniedException"),
        ("us-east-1", "AmazonRocket", "instanceType", "InvalidParameterException"),
        ("us-east-1", "AmazonEC2", "colour", "InvalidParameterException"),
    ],
)
def test_price_list_refuses(aws: LocalAws, region: str, service: str, attribute: str, code: str) -> None:
    pricing = client("pricing", aws.port, ACCOUNT, region)
    with pytest.raises(ClientError, match=code):
        pricing.get_attribute_values(ServiceCode=service, AttributeName=attribute)


def test_spot_prices_are_below_on_demand(aws: LocalAws) -> None:
    ec2 = client("ec2", aws.port, ACCOUNT, "eu-west-1")
    arguments: dict[str, Any] = {"InstanceTypes": ["p4d.24xlarge"], "ProductDescriptions": ["Linux/UNIX"]}
    history = ec2.describe_spot_price_history(**arguments)["SpotPriceHistory"]
    assert [price["AvailabilityZone"] for price in history] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert all(0.3 <= float(price["SpotPrice"]) / (21.958 * 1.08) <= 0.7 for price in history)


def test_scores_come_highest_first(aws: LocalAws) -> None:
    ec2 = client("ec2", aws.port, ACCOUNT, "us-east-1")
    regions = ["us-east-1", "eu-west-1", "eu-central-1"]
    answer = ec2.get_spot_placement_scores(InstanceTypes=["p4d.24xlarge"], TargetCapacity=15, RegionNames=regions)
    scores = [score["Score"] for score in answer["SpotPlacementScores"]]
    assert scores == sorted(scores, reverse=True)
    assert {score["Region"] for score in answer["SpotPlacementScores"]} == set(regions)


def test_capacity_reservations_are_per_region(aws: LocalAws) -> None:
    here, there = (client("ec2", aws.port, ACCOUNT, region) for region in ("us-east-1", "eu-west-1"))
    request: dict[str, Any] = {"InstanceType": "p4d.24xlarge", "InstancePlatform": "Linux/UNIX", "InstanceCount": 3}
    here.create_capacity_reservation(AvailabilityZone="us-east-1b", **request)
    active = [{"Name": "state", "Values": ["active"]}]
    [found] = here.describe_capacity_reservations(Filters=active)["CapacityReservations"]
    assert (found["InstanceType"], found["AvailableInstanceCount"]) == ("p4d.24xlarge", 3)
    expired = [{"Name": "state", "Values": ["expired"]}]
    assert here.describe_capacity_reservations(Filters=expired)["CapacityReservations"] == []
    assert there.describe_capacity_reservations()["CapacityReservations"] == []


def test_training_plans_are_made_of_offerings(aws: LocalAws) -> None:
    sagemaker = client("sagemaker", aws.port, ACCOUNT, "us-west-2")
    search: dict[str, Any] = {
        "InstanceType": "ml.p4d.24xlarge",
        "InstanceCount": 15,
        "TargetResources": ["training-job"],
    }
    [offering] = sagemaker.search_training_plan_offerings(DurationHours=720, **search)["TrainingPlanOfferings"]
    request = {"TrainingPlanName": "campaigns", "TrainingPlanOfferingId": offering["TrainingPlanOfferingId"]}
    sagemaker.create_training_plan(**request)
    [plan] = sagemaker.list_training_plans(Filters=[{"Name": "Status", "Value": "Active"}])["TrainingPlanSummaries"]
    described = sagemaker.describe_training_plan(TrainingPlanName="campaigns")
    assert plan["AvailableInstanceCount"] == described["AvailableInstanceCount"] == 15
    assert plan["ReservedCapacitySummaries"][0]["InstanceType"] == "ml.p4d.24xlarge"
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_training_plan(**request)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_training_plan(TrainingPlanName="other")
