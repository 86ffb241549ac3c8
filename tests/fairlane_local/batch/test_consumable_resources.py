from typing import Any

from tests.fairlane_local.batch.support import PREFIX, message_of

ARN = f"{PREFIX}consumable-resource/licence"


def test_the_description_has_the_fields_of_aws(batch: Any) -> None:
    created = batch.create_consumable_resource(consumableResourceName="licence", totalQuantity=4, tags={"a": "b"})
    assert (created["consumableResourceName"], created["consumableResourceArn"]) == ("licence", ARN)
    described = batch.describe_consumable_resource(consumableResource="licence")
    assert isinstance(described.pop("createdAt"), int)
    del described["ResponseMetadata"]
    assert described == {
        "consumableResourceName": "licence",
        "consumableResourceArn": ARN,
        "totalQuantity": 4,
        "inUseQuantity": 0,
        "availableQuantity": 4,
        "resourceType": "REPLENISHABLE",
        "tags": {"a": "b"},
    }


def test_the_quantity_is_set_added_to_and_reduced(batch: Any) -> None:
    batch.create_consumable_resource(consumableResourceName="licence", totalQuantity=4)
    quantities = [
        batch.update_consumable_resource(consumableResource=name, operation=operation, quantity=quantity)[
            "totalQuantity"
        ]
        for name, operation, quantity in (("licence", "ADD", 3), (ARN, "REMOVE", 2), (ARN, "SET", 9))
    ]
    assert quantities == [7, 5, 9]
    for _ in range(2):
        request = {"operation": "ADD", "quantity": 1, "clientToken": "token"}
        answer = batch.update_consumable_resource(consumableResource="licence", **request)
        assert answer["totalQuantity"] == 10
    assert batch.describe_consumable_resource(consumableResource=ARN)["totalQuantity"] == 10


def test_invalid_requests_are_refused(batch: Any) -> None:
    create, update = batch.create_consumable_resource, batch.update_consumable_resource
    negative = "totalQuantity cannot be a negative number."
    assert message_of(create, consumableResourceName="licence", totalQuantity=-1) == negative
    assert message_of(create, consumableResourceName="x y") == "ConsumableResource name should match a valid pattern."
    assert "REPLENISHABLE" in message_of(create, consumableResourceName="licence", resourceType="X")
    create(consumableResourceName="licence", totalQuantity=1)
    assert message_of(create, consumableResourceName="licence") == "Object already exists"
    assert message_of(update, consumableResource="licence", operation="REMOVE", quantity=2) == negative
    assert "SET, ADD, REMOVE" in message_of(update, consumableResource="licence", operation="X", quantity=2)
    assert message_of(batch.describe_consumable_resource, consumableResource="none") == "none does not exist"


def test_resources_are_listed_by_name_and_deleted(batch: Any) -> None:
    for name in ("Licence-1", "licence-2", "token"):
        batch.create_consumable_resource(consumableResourceName=name)

    def listed(*values: str) -> list[str]:
        filters = [{"name": "CONSUMABLE_RESOURCE_NAME", "values": [*values]}]
        found = batch.list_consumable_resources(filters=filters if values else [])["consumableResources"]
        return [resource["consumableResourceName"] for resource in found]

    assert listed() == ["Licence-1", "licence-2", "token"]
    assert listed("LICENCE*") == ["Licence-1", "licence-2"]
    assert listed("licence-1", "TOKEN") == ["Licence-1", "token"]
    assert message_of(batch.list_consumable_resources, filters=[{"name": "X"}]) == "Invalid filter name: X"
    batch.delete_consumable_resource(consumableResource="token")
    assert listed("token") == []
