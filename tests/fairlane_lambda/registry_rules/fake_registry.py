"""A registry of ECR with what others do to it at a bad moment; botocore's model checks whatever is written."""

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
Moment = Callable[[], None]


class Killed(BaseException):
    """The end of a container in the middle of its work."""


class FakeRegistry:
    """What `Registry` does, in memory.

    Moments are what happens, once each, before a reading, between a reading and the writing, and after a writing.
    """

    def __init__(self, *rules: Rule) -> None:
        self.configuration: dict[str, Any] = {"rules": list(rules)}
        self.before_read: list[Moment] = []
        self.before_write: list[Moment] = []
        self.after_write: list[Moment] = []
        self.writes = 0

    def read(self) -> dict[str, Any]:
        _happen(self.before_read)
        return deepcopy(self.configuration)

    def write(self, configuration: dict[str, Any]) -> None:
        _happen(self.before_write)
        self.store(configuration)
        self.writes += 1
        _happen(self.after_write)

    def store(self, configuration: dict[str, Any]) -> None:
        """What ECR itself does with a configuration."""
        validate_parameters({"replicationConfiguration": known(configuration)}, _WRITE.input_shape)
        if len(configuration["rules"]) > 10:
            raise client_error("ValidationException", 400)
        self.configuration = deepcopy(configuration)

    @property
    def rules(self) -> list[Rule]:
        rules: list[Rule] = self.configuration["rules"]
        return rules

    @property
    def others(self) -> str:
        """The rules of others, to the byte."""
        return json.dumps([rule for rule in self.rules if not is_marked(rule)])

    def of(self, mark: str) -> list[Rule]:
        """The rules with a mark, without it."""
        found = []
        for rule in self.rules:
            filters = [each for each in rule.get("repositoryFilters", []) if each["filter"] != mark]
            if len(filters) < len(rule.get("repositoryFilters", [])):
                found.append({**rule, "repositoryFilters": filters})
        return found


def rule(prefix: str | None = "ml/", *regions: str, **fields: Any) -> Rule:
    made: Rule = {
        "destinations": [{"region": region, "registryId": "111122223333"} for region in regions or ("eu-west-1",)]
    }
    if prefix is not None:
        made["repositoryFilters"] = [{"filter": prefix, "filterType": "PREFIX_MATCH"}]
    return made | fields


def is_marked(rule: Rule) -> bool:
    return any(each["filter"].startswith(MARK) for each in rule.get("repositoryFilters", []))


def known(value: Any) -> Any:
    """What botocore knows: fields that begin with `future` are of a later version of ECR."""
    if isinstance(value, dict):
        return {name: known(member) for name, member in value.items() if not name.startswith("future")}
    return [known(member) for member in value] if isinstance(value, list) else value


def client_error(code: str, status: int, operation: str = "PutReplicationConfiguration") -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "AWS's words"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


def raises(error: BaseException) -> Moment:
    def happen() -> None:
        raise error

    return happen


def _happen(moments: list[Moment]) -> None:
    if moments:
        moments.pop(0)()
