"""`SimulatePrincipalPolicy` for roles. Source: the operation of this name in the API reference of AWS IAM."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.iam.exceptions import IAMException, InvalidInput, NoSuchEntity
from moto.iam.models import IAMBackend, ManagedPolicy, Role
from moto.iam.responses import IamResponse

from fairlane_local.iam.policies import ALLOWED, IMPLICIT_DENY, Document, UnsupportedConditionError, decide
from fairlane_local.iam.policies import load_document as load

_PAGE_SIZE: Final = 100
_INPUT_POLICY: Final = "PolicyInputList.{}"


class PolicyEvaluationError(IAMException):
    """Policy that the simulation cannot evaluate."""

    code = "PolicyEvaluation"


def install() -> None:
    """Add the operation to moto's IAM."""
    IamResponse.simulate_principal_policy = _simulate_principal_policy  # type: ignore[attr-defined]


def _simulate_principal_policy(self: IamResponse) -> ActionResult:
    parameters: Mapping[str, Any] = self._get_params()
    role = _role(self.backend, parameters["PolicySourceArn"])
    results = list(_results(self.backend, role, parameters))
    start, size = int(parameters.get("Marker") or 0), int(parameters.get("MaxItems") or _PAGE_SIZE)
    end = start + size
    page = {"IsTruncated": end < len(results), "Marker": str(end) if end < len(results) else None}
    return ActionResult({"EvaluationResults": results[start:end], **page})


def _role(iam: IAMBackend, arn: str) -> Role:
    if ":role/" not in arn:
        raise InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    for role in iam.get_roles():
        if role.arn == arn:
            return role
    raise NoSuchEntity(f"The role with name {arn.rpartition('/')[2]} cannot be found.")


def _results(iam: IAMBackend, role: Role, parameters: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield a result for each action on each resource."""
    extra = enumerate(parameters.get("PolicyInputList") or [], start=1)
    documents = _documents(role) | {_INPUT_POLICY.format(number): load(text) for number, text in extra}
    boundary = _boundary(iam, role, parameters)
    context = {
        entry["ContextKeyName"].lower(): entry["ContextKeyValues"] for entry in parameters.get("ContextEntries") or []
    }
    for action in parameters["ActionNames"]:
        for resource in parameters.get("ResourceArns") or ["*"]:
            try:
                decision = decide(documents, action, resource, context)
                is_inside = boundary is None or decide(boundary, action, resource, context).result == ALLOWED
            except UnsupportedConditionError as error:
                raise PolicyEvaluationError(f"the local AWS does not evaluate the condition {error}") from None
            result = decision.result if is_inside or decision.result != ALLOWED else IMPLICIT_DENY
            yield {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": result,
                "MatchedStatements": [{"SourcePolicyId": name} for name in decision.policies],
                "MissingContextValues": list(decision.missing_keys),
                **({} if boundary is None else _boundary_detail(is_inside)),
            }


def _documents(role: Role) -> dict[str, Document]:
    inline = {name: load(text) for name, text in role.policies.items()}
    return inline | {policy.name: _default_version(policy) for policy in role.managed_policies.values()}


def _boundary(iam: IAMBackend, role: Role, parameters: Mapping[str, Any]) -> dict[str, Document] | None:
    texts = parameters.get("PermissionsBoundaryPolicyInputList") or []
    if texts or not role.permissions_boundary_arn:
        return {str(number): load(text) for number, text in enumerate(texts)} or None
    return {"boundary": _default_version(iam.get_policy(role.permissions_boundary_arn))}


def _default_version(policy: ManagedPolicy) -> Document:
    return next(
        load(version.document) for version in policy.versions if version.version_id == policy.default_version_id
    )


def _boundary_detail(is_inside: bool) -> dict[str, Any]:
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": is_inside}}
