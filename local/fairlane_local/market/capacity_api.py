"""Spot prices and scores, capacity reservations and training plans, which moto lacks or answers with constants.

Reservations and plans are active at once, and no job uses their instances.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.moto_api._internal import mock_random
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.responses import SageMakerResponse

from fairlane_local.market import instances
from fairlane_local.simulation import local_time

_RESERVATIONS: Final = "fairlane_capacity_reservations"
_PLANS: Final = "fairlane_training_plans"
_OFFERING: Final = "tpo-"
_MOST_REGIONS: Final = 10
_HOURS: Final = 24 * 30


def install() -> None:
    """Add the calls to moto."""
    ec2: Any = EC2Response
    ec2.describe_spot_price_history = _describe_spot_price_history
    ec2.get_spot_placement_scores = _get_spot_placement_scores
    ec2.create_capacity_reservation = _create_capacity_reservation
    ec2.describe_capacity_reservations = _describe_capacity_reservations
    sagemaker: Any = SageMakerResponse
    sagemaker.search_training_plan_offerings = _search_training_plan_offerings
    sagemaker.create_training_plan = _create_training_plan
    sagemaker.list_training_plans = _list_training_plans
    sagemaker.describe_training_plan = _describe_training_plan


def _describe_spot_price_history(self: EC2Response) -> ActionResult:
    """Return the current price of each type and Availability Zone, for Linux."""
    descriptions = self._get_param("ProductDescriptions", [])
    history = [
        {
            "InstanceType": name,
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": f"{dollars:.4f}",
            "AvailabilityZone": zone,
            "Timestamp": local_time(),
        }
        for name in self._get_param("InstanceTypes", []) or instances.INSTANCES
        for zone, dollars in instances.spot_prices(name, self.region).items()
        if not descriptions or "Linux/UNIX" in descriptions
    ]
    return ActionResult({"SpotPriceHistory": history})


def _get_spot_placement_scores(self: EC2Response) -> ActionResult:
    types, regions = self._get_param("InstanceTypes", []), self._get_param("RegionNames", [])
    wanted = regions or list(instances.REGIONS)
    scores: list[dict[str, Any]] = [
        {"Region": region, "Score": instances.spot_score(types, region)} for region in wanted
    ]
    best = sorted(scores, key=lambda score: -score["Score"])
    return ActionResult({"SpotPlacementScores": best[:_MOST_REGIONS]})


def _create_capacity_reservation(self: EC2Response) -> ActionResult:
    identifier = f"cr-{mock_random.get_random_hex(17)}"
    count = int(self._get_param("InstanceCount"))
    reservation = {
        "CapacityReservationId": identifier,
        "InstanceType": self._get_param("InstanceType"),
        "InstancePlatform": self._get_param("InstancePlatform"),
        "AvailabilityZone": self._get_param("AvailabilityZone") or f"{self.region}a",
        "InstanceMatchCriteria": self._get_param("InstanceMatchCriteria") or "open",
        "TotalInstanceCount": count,
        "AvailableInstanceCount": count,
        "State": "active",
        "CreateDate": local_time(),
    }
    _state(self.ec2_backend, _RESERVATIONS)[identifier] = reservation
    return ActionResult({"CapacityReservation": reservation})


def _describe_capacity_reservations(self: EC2Response) -> ActionResult:
    names = {"state": "State", "instance-type": "InstanceType"}
    filters = self._filters_from_querystring()
    found = [
        reservation
        for reservation in _state(self.ec2_backend, _RESERVATIONS).values()
        if all(reservation[names[name]] in values for name, values in filters.items() if name in names)
    ]
    return ActionResult({"CapacityReservations": found})


def _search_training_plan_offerings(self: SageMakerResponse) -> ActionResult:
    """Return one offering, for the instances of the search. Its ID contains them."""
    name, count = self._get_param("InstanceType"), self._get_param("InstanceCount", 1)
    dollars = instances.price("training", name.removeprefix("ml."), self.region) or 0
    offering = {
        "TrainingPlanOfferingId": f"{_OFFERING}{count}-{name}",
        "TargetResources": ["training-job"],
        "DurationHours": _HOURS,
        "UpfrontFee": f"{dollars * count * _HOURS:.2f}",
        "CurrencyCode": "USD",
    }
    return ActionResult({"TrainingPlanOfferings": [offering]})


def _create_training_plan(self: SageMakerResponse) -> ActionResult:
    name, offering = self._get_param("TrainingPlanName"), self._get_param("TrainingPlanOfferingId")
    count, _, instance_type = offering.removeprefix(_OFFERING).partition("-")
    plans = _state(self.sagemaker_backend, _PLANS)
    if not offering.startswith(_OFFERING) or not count.isdecimal():
        raise AWSValidationException(f"Training plan offering {offering} does not exist")
    if name in plans:
        raise AWSValidationException(f"Training plan {name} already exists")
    arn = f"arn:aws:sagemaker:{self.region}:{self.current_account}:training-plan/{name}"
    start, end = local_time(), local_time() + timedelta(hours=_HOURS)
    times = {"StartTime": start, "EndTime": end, "DurationHours": _HOURS, "Status": "Active"}
    reserved = {
        "ReservedCapacityArn": arn.replace("training-plan", "reserved-capacity"),
        "InstanceType": instance_type,
        "TotalInstanceCount": int(count),
        **times,
    }
    plans[name] = {
        "TrainingPlanArn": arn,
        "TrainingPlanName": name,
        "TotalInstanceCount": int(count),
        "AvailableInstanceCount": int(count),
        "InUseInstanceCount": 0,
        "TargetResources": ["training-job"],
        "ReservedCapacitySummaries": [reserved],
        **times,
    }
    return ActionResult({"TrainingPlanArn": arn})


def _list_training_plans(self: SageMakerResponse) -> ActionResult:
    statuses = [rule["Value"] for rule in self._get_param("Filters") or [] if rule["Name"] == "Status"]
    plans = _state(self.sagemaker_backend, _PLANS).values()
    found = [plan for plan in plans if not statuses or plan["Status"] in statuses]
    return ActionResult({"TrainingPlanSummaries": found})


def _describe_training_plan(self: SageMakerResponse) -> ActionResult:
    name = self._get_param("TrainingPlanName")
    plan = _state(self.sagemaker_backend, _PLANS).get(name)
    if plan is None:
        raise AWSValidationException(f"Training plan {name} does not exist")
    return ActionResult(plan)


def _state(backend: Any, name: str) -> dict[str, Mapping[str, Any]]:
    """Return the resources of an account and Region. A reset of moto deletes them."""
    state: dict[str, Mapping[str, Any]] = backend.__dict__.setdefault(name, {})
    return state
