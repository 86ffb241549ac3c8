"""Batch API calls for consumable resources, with the rules of AWS Batch."""

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import check_name
from fairlane_local.batch.store import Batch, Record, Request, get, page


class ConsumableResources:
    """Consumable resources of one account and Region. Jobs change `inUseQuantity` of the records."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.consumable_resources
        self._answers: dict[tuple[str, str], Record] = {}

    def create_consumable_resource(self, request: Request) -> Record:
        name = request["consumableResourceName"]
        check_name(name, "ConsumableResource")
        quantity = request.get("totalQuantity", 0)
        _check_quantity(quantity)
        arn = self._batch.new_arn(self._records, f"consumable-resource/{name}")
        resource = {
            "consumableResourceName": name,
            "consumableResourceArn": arn,
            "totalQuantity": quantity,
            "inUseQuantity": 0,
            "resourceType": request.get("resourceType", "REPLENISHABLE"),
            "createdAt": self._batch.now(),
            "tags": dict(request.get("tags", {})),
        }
        if resource["resourceType"] not in ("REPLENISHABLE", "NON_REPLENISHABLE"):
            raise RequestError("resourceType must be one of [REPLENISHABLE, NON_REPLENISHABLE].")
        self._batch.add(self._records, arn, resource)
        return {"consumableResourceName": name, "consumableResourceArn": arn}

    def update_consumable_resource(self, request: Request) -> Record:
        """Change the total quantity. A repeated client token has no effect."""
        resource = get(self._records, request["consumableResource"])
        key = (resource["consumableResourceArn"], request.get("clientToken", ""))
        if key[1] and key in self._answers:
            return self._answers[key]
        quantity = request.get("quantity", 0)
        _check_quantity(quantity)
        total: int = resource["totalQuantity"]
        match request.get("operation", "SET"):
            case "SET":
                total = quantity
            case "ADD":
                total += quantity
            case "REMOVE":
                total -= quantity
            case _:
                raise RequestError("operation must be one of [SET, ADD, REMOVE].")
        _check_quantity(total)
        self._batch.update(resource, {"totalQuantity": total}, ("totalQuantity",))
        answer = {name: resource[name] for name in ("consumableResourceName", "consumableResourceArn", "totalQuantity")}
        if key[1]:
            self._answers[key] = answer
        return answer

    def delete_consumable_resource(self, request: Request) -> Record:
        arn = get(self._records, request["consumableResource"])["consumableResourceArn"]
        self._batch.remove(self._records, arn)
        return {}

    def describe_consumable_resource(self, request: Request) -> Record:
        resource = get(self._records, request["consumableResource"])
        return {**resource, "availableQuantity": resource["totalQuantity"] - resource["inUseQuantity"]}

    def list_consumable_resources(self, request: Request) -> Record:
        resources = list(self._records.values())
        for condition in request.get("filters", []):
            if condition.get("name") != "CONSUMABLE_RESOURCE_NAME":
                raise RequestError(f"Invalid filter name: {condition.get('name')}")
            patterns = [pattern.lower() for pattern in condition.get("values", [])]
            resources = [resource for resource in resources if _matches(resource["consumableResourceName"], patterns)]
        summaries = [
            {key: value for key, value in resource.items() if key not in ("createdAt", "tags")}
            for resource in resources
        ]
        return page("consumableResources", summaries, request)


def _check_quantity(quantity: int) -> None:
    if quantity < 0:
        raise RequestError("totalQuantity cannot be a negative number.")


def _matches(name: str, patterns: list[str]) -> bool:
    """Return True if a name matches a pattern in any case. A `*` at the end of a pattern matches any end."""
    lower_name = name.lower()
    return any(
        lower_name.startswith(pattern[:-1]) if pattern.endswith("*") else lower_name == pattern for pattern in patterns
    )
