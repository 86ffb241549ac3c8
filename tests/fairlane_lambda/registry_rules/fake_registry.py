"""Fake ECR registry with hooks for other writers. botocore's model checks every write."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

MARK = "fairlane-rules/"
_WRITE = botocore.session.get_session().get_service_model("ecr").operation_model("PutReplicationConfiguration")

Rule = dict[str, Any]
Hook = Callable[[], None]


class FakeRegistry:
    """`Registry` in memory.

    Hooks run once each: before a read, between a read and the write, and after a write.
    """

    def __init__(self, *rules: Rule) -> None:
        self.configuration: dict[str, Any] = {"rules": list(rules)}
        self.before_read: list[Hook] = []
        self.before_write: list[Hook] = []
        self.after_write: list[Hook] = []
        self.writes = 0

    def read(self) -> dict[str, Any]:
        _run_next(self.before_read)
        return deepcopy(self.configuration)

    def write(self, configuration: dict[str, Any]) -> None:
        _run_next(self.before_write)
        self.store(configuration)
        self.writes += 1
        _run_next(self.after_write)

    def store(self, configuration: dict[str, Any]) -> None:
        """Check and store a configuration, as ECR does."""
        validate_parameters({"replicationConfiguration": modeled_fields(configuration)}, _WRITE.input_shape)
        if len(configuration["rules"]) > 10:
            raise client_error("ValidationException", 400)
        self.configuration = deepcopy(configuration)

    @property
    def rules(self) -> list[Rule]:
        rules: list[Rule] = self.configuration["rules"]
        return rules

    @property
    def other_rules(self) -> str:
        """JSON of the rules of others."""
        return json.dumps([rule for rule in self.rules if not is_marked(rule)])

    def marked_rules(self, mark: str) -> list[Rule]:
        """Return the rules with a mark, without the mark."""
        rules = []
        for rule in self.rules:
            filters = [item for item in rule.get("repositoryFilters", []) if item["filter"] != mark]
            if len(filters) < len(rule.get("repositoryFilters", [])):
                rules.append({**rule, "repositoryFilters": filters})
        return rules


def rule(prefix: str | None = "ml/", *regions: str, **fields: Any) -> Rule:
    record: Rule = {
        "destinations": [{"region": region, "registryId": "111122223333"} for region in regions or ("eu-west-1",)]
    }
    if prefix is not None:
        record["repositoryFilters"] = [{"filter": prefix, "filterType": "PREFIX_MATCH"}]
    return record | fields


def is_marked(rule: Rule) -> bool:
    return any(item["filter"].startswith(MARK) for item in rule.get("repositoryFilters", []))


def modeled_fields(value: Any) -> Any:
    """Return the fields in botocore's model: fields that begin with `future` are of a later version of ECR."""
    if isinstance(value, dict):
        return {name: modeled_fields(member) for name, member in value.items() if not name.startswith("future")}
    return [modeled_fields(member) for member in value] if isinstance(value, list) else value


def client_error(code: str, status: int, operation: str = "PutReplicationConfiguration") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "AWS's words"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def raises(error: BaseException) -> Hook:
    def hook() -> None:
        raise error

    return hook


def _run_next(hooks: list[Hook]) -> None:
    if hooks:
        hooks.pop(0)()
