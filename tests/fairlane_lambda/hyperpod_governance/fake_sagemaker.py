"""Fake SageMaker with versions, states that last, pages, conflicts, and kills before or after a call."""

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from tests.fairlane_lambda.stack_resource import Killed

MODEL = botocore.session.get_session().get_service_model("sagemaker")
PAGE = 2
_SNAKE = {"ComputeQuota": "compute_quota", "ClusterSchedulerConfig": "cluster_scheduler_config"}
_KEBAB = {"ComputeQuota": "compute-quota", "ClusterSchedulerConfig": "cluster-scheduler-config"}


class FakeSageMaker:
    """boto3 client of SageMaker in memory, whose requests and responses botocore's model checks.

    An operation ends after two descriptions. A name is unique in a cluster, and while an operation runs, every other
    operation is a conflict.

    Attributes:
        policies: Policies by id.
        calls: Names of all calls.
        kill_at: Number of the call that kills the function. Default: none.
        kill_after: True to kill after the call has had its effect.
        failures: Failure reason of the next operation by its verb, for example `{"Create": "no capacity"}`.
        lag: Number of lists that do not have a new policy.
        before_update: Changes by others, one before each update.
        stale: Number of descriptions after an update that do not have it.
    """

    def __init__(self) -> None:
        self.policies: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.kill_at: int | None = None
        self.kill_after = False
        self.failures: dict[str, str] = {}
        self.lag = 0
        self.stale = 0
        self.before_update: list[Callable[[], None]] = []
        self.meta = SimpleNamespace(service_model=MODEL)
        self._next_id = 0

    def __getattr__(self, name: str) -> Any:
        for noun, snake in _SNAKE.items():
            if name.endswith((f"_{snake}", f"_{snake}s")):
                verb = name.split("_", 1)[0]
                plural = "s" if name.endswith("s") else ""
                return lambda **arguments: self._call(f"{verb.capitalize()}{noun}{plural}", verb, noun, arguments)
        if name == "list_tags":
            return lambda **arguments: self._call("ListTags", "tags", "", arguments)
        raise AttributeError(name)

    @property
    def alive(self) -> list[dict[str, Any]]:
        return [policy for policy in self.policies.values() if policy["status"] != "Deleted"]

    def settle(self) -> None:
        """End all operations."""
        for policy in self.policies.values():
            while policy["steps"]:
                self._step(policy)

    def _call(self, operation: str, verb: str, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        model = MODEL.operation_model(operation)
        validate_parameters(arguments, model.input_shape)
        killed = self.kill_at == len(self.calls)
        if killed and not self.kill_after:
            self._die()
        answer = getattr(self, f"_{verb}")(noun, deepcopy(arguments))
        assert not model.output_shape or set(answer) <= set(model.output_shape.members)
        if killed:
            self._die()
        return deepcopy(answer)

    def _die(self) -> None:
        self.kill_at = None
        raise Killed

    def _create(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        for policy in self.alive:
            if (policy["noun"], policy["Name"], policy["ClusterArn"]) == (
                noun,
                arguments["Name"],
                arguments["ClusterArn"],
            ):
                raise error("ConflictException")
        self._next_id += 1
        policy_id = f"{self._next_id:012}"
        arn = f"arn:aws:sagemaker:us-east-1:111122223333:{_KEBAB[noun]}/{policy_id}"
        self.policies[policy_id] = arguments | {
            "noun": noun,
            "id": policy_id,
            "arn": arn,
            "version": 1,
            "lag": self.lag,
        }
        self._start(self.policies[policy_id], "Creat")
        return {f"{noun}Id": policy_id, f"{noun}Arn": arn}

    def _update(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.before_update:
            self.before_update.pop(0)()
        policy = self._get(noun, arguments)
        target = arguments.pop("TargetVersion")
        if policy["steps"] or target != policy["version"]:
            raise error("ConflictException")
        policy["before"] = [{key: policy[key] for key in ("version", "status")} for _ in range(self.stale)]
        policy.update(arguments, version=policy["version"] + 1)
        self._start(policy, "Updat")
        return {f"{noun}Version": policy["version"], f"{noun}Arn": policy["arn"]}

    def _delete(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        policy = self._get(noun, arguments)
        if policy["steps"]:
            raise error("ConflictException")
        self._start(policy, "Delet")
        return {}

    def _describe(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        policy = self._get(noun, arguments)
        if policy.get("before"):
            policy = policy | policy["before"].pop()
        else:
            self._step(policy)
        fields = {f"{noun}Id": "id", f"{noun}Arn": "arn", f"{noun}Version": "version", "Status": "status"}
        members = MODEL.operation_model(f"Describe{noun}").output_shape.members
        return {name: policy[key] for name, key in fields.items()} | {
            name: value for name, value in policy.items() if name in members
        }

    def _list(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        found = []
        for policy in self.policies.values():
            is_named = policy["noun"] == noun and arguments["NameContains"] in policy["Name"]
            if policy["lag"]:
                policy["lag"] -= 1
            elif is_named and policy["ClusterArn"] == arguments["ClusterArn"]:
                found.append({f"{noun}Id": policy["id"], "Name": policy["Name"], "Status": policy["status"]})
        start = int(arguments.get("NextToken", 0))
        more = {"NextToken": str(start + PAGE)} if len(found) > start + PAGE else {}
        return {f"{noun}Summaries": found[start : start + PAGE]} | more

    def _tags(self, _: str, arguments: dict[str, Any]) -> dict[str, Any]:
        (policy,) = (policy for policy in self.policies.values() if policy["arn"] == arguments["ResourceArn"])
        return {"Tags": policy.get("Tags", [])}

    def _get(self, noun: str, arguments: dict[str, Any]) -> dict[str, Any]:
        policy = self.policies.get(arguments[f"{noun}Id"])
        if policy is None or policy["status"] == "Deleted":
            raise error("ResourceNotFound")
        return policy

    def _start(self, policy: dict[str, Any], verb: str) -> None:
        reason = self.failures.pop(f"{verb}e", "")
        end = f"{verb}eFailed" if reason else f"{verb}ed"
        policy.update(status=f"{verb}ing", steps=[f"{verb}ing", end], FailureReason=reason)

    def _step(self, policy: dict[str, Any]) -> None:
        if policy["steps"]:
            policy["status"] = policy["steps"].pop(0)


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "text of SageMaker"}}, "Operation")
