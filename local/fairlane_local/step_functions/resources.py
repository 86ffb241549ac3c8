"""CloudFormation resources of Step Functions."""

import json
import re
from typing import Any, Final, Self

from moto.s3.models import s3_backends
from moto.stepfunctions import models

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError
from fairlane_local.step_functions import backends

_SUBSTITUTION: Final = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class StateMachine(LocalResource):
    """AWS::StepFunctions::StateMachine. Logging, tracing and encryption are not simulated."""

    resource_type = "AWS::StepFunctions::StateMachine"
    name_property = "StateMachineName"
    create_only = frozenset({"StateMachineName", "StateMachineType"})

    def create(self) -> None:
        """Create the state machine."""
        machine = self._backend.create_state_machine(
            name=self.physical_resource_id,
            definition=self._definition(),
            roleArn=self.properties.get("RoleArn", ""),
            tags=self._tags(),
            sm_type=self.properties.get("StateMachineType"),
        )
        self.physical_resource_id = machine.arn

    def update(self, old: Self) -> None:
        """Update the state machine. Running executions keep their definition."""
        self._backend.update_state_machine(
            self.physical_resource_id, definition=self._definition(), role_arn=self.properties.get("RoleArn")
        )
        tagger = self._backend.tagger
        tagger.delete_all_tags_for_resource(self.physical_resource_id)
        tagger.tag_resource(self.physical_resource_id, self._tags())

    def remove(self) -> None:
        """Delete the state machine."""
        self._backend.delete_state_machine(self.physical_resource_id)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the attributes of CloudFormation."""
        return attr in {"Arn", "Name"}

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return the ARN or the name."""
        arn = str(self.physical_resource_id)
        return arn.rsplit(":", 1)[-1] if attribute_name == "Name" else arn

    @property
    def _backend(self) -> Any:
        return backends.step_functions_backend(*self._location)

    def _tags(self) -> list[dict[str, str]]:
        return [{"key": tag["Key"], "value": tag["Value"]} for tag in self.properties.get("Tags", [])]

    def _definition(self) -> str:
        """Return the definition in JSON, with its substitutions.

        Raises:
            LocalAwsError: If there is no definition, or if it uses an unknown substitution.
        """
        match self.properties:
            case {"DefinitionString": str(text)}:
                pass
            case {"Definition": dict(definition)}:
                text = json.dumps(definition)
            case {"DefinitionS3Location": {"Bucket": bucket, "Key": key}}:
                account_id, _ = self._location
                found = s3_backends[account_id]["aws"].get_object(bucket, key)
                if found is None:
                    raise LocalAwsError(f"DefinitionS3Location: s3://{bucket}/{key} does not exist")
                text = found.value.decode()
            case _:
                raise LocalAwsError("the state machine requires DefinitionString, Definition or DefinitionS3Location")
        values = self.properties.get("DefinitionSubstitutions", {})
        unknown = sorted(set(_SUBSTITUTION.findall(text)) - values.keys()) if values else []
        if unknown:
            raise LocalAwsError(f"DefinitionSubstitutions: missing {', '.join(unknown)}, which the definition uses")
        return _SUBSTITUTION.sub(lambda found: str(values[found[1]]), text) if values else text


def install() -> None:
    """Register the resources with moto's CloudFormation, and make moto execute state machines.

    Moto looks for the name of a state machine in another property than CloudFormation.
    """
    backends.install()
    models.StateMachine.cloudformation_name_type = StateMachine.cloudformation_name_type  # type: ignore[method-assign]

    register((StateMachine,))
