"""Stack of a run: its template, deployment and deletion."""

import json
import secrets
from collections import Counter
from importlib.resources import files
from typing import Any, Final

from botocore.exceptions import ClientError

from fairlane_client.verify.account import Account
from fairlane_client.verify.findings import Unsettled, describe_error

TEMPLATE: Final = files(__package__).joinpath("template.json").read_text(encoding="utf-8")
_DEPLOY_SECONDS: Final = 15 * 60
_DELETE_SECONDS: Final = 30 * 60
_POLL_SECONDS: Final = 10
_DELETIONS: Final = 3
_MISSING: Final = "does not exist"


def contents() -> list[str]:
    """Return the resources that the stack creates: their types, and the number of each."""
    types = Counter(str(resource["Type"]) for resource in json.loads(TEMPLATE)["Resources"].values())
    return [f"{number} x {kind}" for kind, number in sorted(types.items())]


class Stack:
    """Stack with the resources of a run.

    Args:
        account: Account and Region of the stack.

    Attributes:
        name: Name of the stack, which no other run has.
    """

    def __init__(self, account: Account) -> None:
        self.name = f"fairlane-verify-{secrets.token_hex(4)}"
        self._account = account
        self._requested = False

    @property
    def deletion_command(self) -> str:
        """Command that deletes the stack."""
        return f"aws cloudformation delete-stack --region {self._account.region} --stack-name {self.name}"

    def deploy(self) -> dict[str, str]:
        """Create the stack and return its outputs.

        Raises:
            Unsettled: If the stack fails, or is not complete in 15 minutes.
        """
        self._requested = True  # also if the answer is lost
        self._account.cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=TEMPLATE,
            Capabilities=["CAPABILITY_IAM"],
            OnFailure="DO_NOTHING",
            ClientRequestToken=self.name,
        )
        end = self._account.clock.now() + _DEPLOY_SECONDS
        while (stack := self._describe()) is not None and stack["StackStatus"] == "CREATE_IN_PROGRESS":
            if self._account.clock.now() >= end:
                raise Unsettled(f"the stack was not complete after {_DEPLOY_SECONDS // 60} minutes")
            self._account.clock.sleep(_POLL_SECONDS)
        if stack is None or stack["StackStatus"] != "CREATE_COMPLETE":
            raise Unsettled(f"the stack failed: {self._failure()}")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def delete(self) -> str:
        """Delete the stack, and return why a part of it is left. Empty if nothing is left.

        A failed deletion is tried three times. Nothing raises, except an interrupt from the keyboard.
        """
        if not self._requested:
            return ""
        end, problem = self._account.clock.now() + _DELETE_SECONDS, ""
        for attempt in range(_DELETIONS):
            if attempt:
                self._account.clock.sleep(_POLL_SECONDS)
            try:
                self._account.cloudformation.delete_stack(StackName=self.name)
                problem = self._wait_for_deletion(end)
            except Exception as error:
                problem = describe_error(error)
            if not problem:
                return ""
        return problem

    def left(self) -> list[str]:
        """Return the resources of the stack that are not deleted: type, logical ID and physical ID."""
        try:
            pages = self._account.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
            resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        except Exception:
            return []
        return [
            " ".join([each["ResourceType"], each["LogicalResourceId"], each.get("PhysicalResourceId", "")]).rstrip()
            for each in resources
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def _wait_for_deletion(self, end: float) -> str:
        while (stack := self._describe()) is not None:
            if stack["StackStatus"] == "DELETE_FAILED":
                return "DELETE_FAILED"
            if self._account.clock.now() >= end:
                return f"the stack was not deleted after {_DELETE_SECONDS // 60} minutes"
            self._account.clock.sleep(_POLL_SECONDS)
        return ""

    def _describe(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self._account.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if _MISSING in str(error):
                return None
            raise
        return stack

    def _failure(self) -> str:
        """Return the first failure of the deployment."""
        try:
            events = self._account.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        except Exception as error:
            return describe_error(error)
        failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
        if not failed:
            return "no reason is known"
        return f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason', '')}"
