"""Quotas and scheduler configurations of HyperPod clusters, by the SageMaker API."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

_FAILED: Final = "Failed"
_GONE: Final = "Deleted"
_CONFLICT: Final = "ConflictException"
_NOT_FOUND: Final = "ResourceNotFound"
_TRIES: Final = 5
_DELETE_FAILED: Final = ("DeleteFailed", "DeleteRollbackFailed")
_RUNNING: Final = ("Creating", "Updating", "Deleting")
_MARK: Final = "fairlane:custom-resource"
_ID: Final = re.compile(r"[a-z0-9]{12}")

Properties = Mapping[str, Any]


class Kind(NamedTuple):
    """Kind of policy of a cluster.

    Attributes:
        noun: Name of the kind in calls and fields of SageMaker.
        snake: Name of the kind in the methods of boto3.
    """

    noun: str
    snake: str


KINDS: Final = {
    "Custom::FairlaneComputeQuota": Kind("ComputeQuota", "compute_quota"),
    "Custom::FairlaneSchedulerConfig": Kind("ClusterSchedulerConfig", "cluster_scheduler_config"),
}
"""Kinds by the type of their custom resource."""


class GovernanceError(Exception):
    """Request that cannot be fulfilled, with a text for CloudFormation."""


class Policy(NamedTuple):
    """Policy as SageMaker describes it."""

    id: str
    arn: str
    version: int
    status: str
    reason: str
    fields: Properties

    @property
    def running(self) -> bool:
        """True if an operation is under way."""
        return self.status in _RUNNING

    @property
    def failed(self) -> bool:
        """True if the last operation failed."""
        return self.status.endswith(_FAILED)


class Policies:
    """Policies of one kind, which a custom resource creates, updates and deletes.

    Every operation of SageMaker runs in the background. Each method waits until the operation has ended, and can be
    repeated after a kill at any call: a create takes the policy that the same resource created before, which a tag
    names, and a delete of what is gone succeeds.

    Args:
        client: boto3 client of SageMaker.
        kind: Kind of the policies.
        mark: Value of the tag of the policies of this resource.
        wait: Function that waits a moment, and raises GovernanceError when no time is left.
    """

    def __init__(self, client: Any, kind: Kind, mark: str, wait: Callable[[str], None]) -> None:
        self._client, self._kind, self._mark, self._wait = client, kind, mark, wait

    def create(self, properties: Properties) -> str:
        """Create the policy, or update the one that this resource created before. Return its id.

        Args:
            properties: Properties as of CloudFormation's own type.

        Raises:
            GovernanceError: If SageMaker reports a failure, or another owner has a policy of this name.
        """
        while (found := self._find(properties)) and found.status == "Deleting":
            self._wait(found.status)
        if found:
            return self._take(found, properties)
        tags = [{"Key": _MARK, "Value": self._mark}]
        try:
            answer = self._call("create", {**properties, "Tags": tags})
        except Exception as error:
            if not _has_code(error, _CONFLICT):
                raise
            for _ in range(_TRIES):  # a new policy can be missing in the list
                self._wait("a conflict")
                if found := self._find(properties):
                    return self._take(found, properties)
            raise
        policy_id = str(answer[f"{self._kind.noun}Id"])
        self._settle(policy_id, 0)
        return policy_id

    def update(self, policy_id: str, properties: Properties, old_properties: Properties) -> str:
        """Update the policy. Create it if it is gone, or if a property changed that SageMaker cannot change.

        CloudFormation deletes the old policy after the update if the id is another one. If an update that creates a
        policy fails, CloudFormation does not know the new policy, so the update of the rollback deletes it.

        Args:
            policy_id: Id of the policy, or another physical id if its creation never responded.
            properties: New properties.
            old_properties: Properties before the update, in a rollback those of the failed update.

        Returns:
            Id of the policy.

        Raises:
            GovernanceError: If SageMaker reports a failure.
        """
        current = self._describe(policy_id) if _ID.fullmatch(policy_id) else None
        if current is None or current.status == "Deleting" or _identity(current.fields) != _identity(properties):
            return self.create(properties)
        self._change(current, properties)
        if _identity(old_properties) != _identity(properties):
            leftover = self._find(old_properties)
            if leftover and leftover.id != policy_id and self._owns(leftover):
                self.delete(leftover.id, old_properties)
        return policy_id

    def delete(self, policy_id: str, properties: Properties) -> None:
        """Delete the policy, if it exists.

        Args:
            policy_id: Id of the policy, or another physical id if its creation never responded.
            properties: Properties of the policy, by which a policy without an id is found.

        Raises:
            GovernanceError: If SageMaker reports a failure.
        """
        if not _ID.fullmatch(policy_id):
            found = self._find(properties)
            if found is None or not self._owns(found):
                return
            policy_id = found.id
        deleted, conflicts = False, 0
        while current := self._describe(policy_id):
            if deleted and current.status in _DELETE_FAILED:
                raise _failure(current)
            if not current.running:
                try:
                    self._call("delete", {f"{self._kind.noun}Id": policy_id})
                    deleted = True
                except Exception as error:
                    if _has_code(error, _NOT_FOUND):
                        return
                    conflicts += 1
                    if not _has_code(error, _CONFLICT) or conflicts > _TRIES:
                        raise
            self._wait(current.status)

    def _take(self, found: Policy, properties: Properties) -> str:
        if not self._owns(found):
            raise GovernanceError(
                f"the cluster has a {self._kind.noun} named {properties['Name']} that this stack did not create: "
                "delete it or use another name"
            )
        if _identity(found.fields) != _identity(properties):
            raise GovernanceError(
                f"the team of the {self._kind.noun} {properties['Name']} cannot change: use another Name for the "
                "other team"
            )
        self._change(found, properties)
        return found.id

    def _change(self, current: Policy, properties: Properties) -> None:
        id_field, version_field = f"{self._kind.noun}Id", f"{self._kind.noun}Version"
        conflicts = 0
        while True:
            if not current.running:
                arguments = {**properties, id_field: current.id, "TargetVersion": current.version}
                try:
                    answer = self._call("update", arguments)
                except Exception as error:
                    conflicts += 1
                    if not _has_code(error, _CONFLICT) or conflicts > _TRIES:
                        raise
                else:
                    self._settle(current.id, int(answer[version_field]))
                    return
            self._wait(current.status)
            described = self._describe(current.id)
            if described is None:
                raise GovernanceError(f"the {self._kind.noun} {properties['Name']} was deleted during its update")
            current = described

    def _settle(self, policy_id: str, version: int) -> Policy:
        """Wait until no operation is under way and the policy has the version. Return it."""
        status = "Creating"
        while True:
            if (policy := self._describe(policy_id)) and not policy.running and policy.version >= version:
                if policy.failed:
                    raise _failure(policy)
                return policy
            status = policy.status if policy else status
            self._wait(status)

    def _find(self, properties: Properties) -> Policy | None:
        """Return the policy of this name in the cluster."""
        arguments = {"ClusterArn": properties["ClusterArn"], "NameContains": properties["Name"]}
        page: dict[str, Any] = {}
        while True:
            page = self._call("list", arguments, plural="s")
            for summary in page[f"{self._kind.noun}Summaries"]:
                if summary["Name"] == properties["Name"] and summary["Status"] != _GONE:
                    return self._describe(summary[f"{self._kind.noun}Id"])
            if not page.get("NextToken"):
                return None
            arguments["NextToken"] = page["NextToken"]

    def _describe(self, policy_id: str) -> Policy | None:
        noun = self._kind.noun
        try:
            answer = self._call("describe", {f"{noun}Id": policy_id})
        except Exception as error:
            if _has_code(error, _NOT_FOUND):
                return None
            raise
        policy = Policy(
            answer[f"{noun}Id"],
            answer[f"{noun}Arn"],
            answer[f"{noun}Version"],
            answer["Status"],
            answer.get("FailureReason", ""),
            answer,
        )
        return None if policy.status == _GONE else policy

    def _owns(self, policy: Policy) -> bool:
        tags = self._client.list_tags(ResourceArn=policy.arn).get("Tags", [])
        return {"Key": _MARK, "Value": self._mark} in tags

    def _call(self, verb: str, arguments: Properties, plural: str = "") -> dict[str, Any]:
        """Call SageMaker with those of the arguments that the call has, in the types of the call."""
        noun = self._kind.noun
        shape = self._client.meta.service_model.operation_model(f"{verb.capitalize()}{noun}{plural}").input_shape
        method = getattr(self._client, f"{verb}_{self._kind.snake}{plural}")
        return dict(method(**_typed(shape, arguments)))


def _typed(shape: Any, value: Any) -> Any:
    """Return a value in the types of a shape: CloudFormation passes numbers as text."""
    match shape.type_name:
        case "structure":
            return {name: _typed(shape.members[name], item) for name, item in value.items() if name in shape.members}
        case "list":
            return [_typed(shape.member, item) for item in value]
        case "integer":
            return int(value)
        case "float" | "double":
            return float(value)
        case _:
            return value


def _identity(fields: Properties) -> tuple[object, ...]:
    return fields["Name"], fields["ClusterArn"], fields.get("ComputeQuotaTarget", {}).get("TeamName")


def _failure(policy: Policy) -> GovernanceError:
    return GovernanceError(f"SageMaker reports {policy.status}: {policy.reason or 'no reason'}")


def _has_code(error: Exception, code: str) -> bool:
    return bool(getattr(error, "response", {}).get("Error", {}).get("Code") == code)
