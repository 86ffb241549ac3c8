"""Check of a change of the stack, which is planned and never made."""

import json
import re
from typing import Final

from fairlane_client.verify.account import Account
from fairlane_client.verify.findings import Findings, Unsettled
from fairlane_client.verify.stack import TEMPLATE

_NAME: Final = "deletion-policies"
_RESOURCE: Final = "SecurityGroup"
_NO_CHANGES: Final = re.compile("didn't contain changes|no updates", re.IGNORECASE)
_POLLS: Final = 30
_POLL_SECONDS: Final = 5


def check_deletion_policies(account: Account, stack: str, findings: Findings) -> None:
    """Settle what CloudFormation makes of an update that changes a deletion policy only.

    Args:
        account: Account and Region of the stack.
        stack: Name of the stack, whose deletion deletes the change set, too.
        findings: Findings of the run.
    """
    with findings.check("deletion-policy-update"):
        template = json.loads(TEMPLATE)
        template["Resources"][_RESOURCE]["DeletionPolicy"] = "Retain"
        account.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=_NAME,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
        )
        for _ in range(_POLLS):
            answer = account.cloudformation.describe_change_set(StackName=stack, ChangeSetName=_NAME)
            status = str(answer["Status"])
            if status in ("CREATE_COMPLETE", "FAILED"):
                seen = f"change set: {status} {answer.get('StatusReason') or ''}".rstrip()
                if status == "FAILED" and not _NO_CHANGES.search(seen):
                    raise Unsettled(seen)
                findings.settle("deletion-policy-update", status == "CREATE_COMPLETE", seen)
                return
            account.clock.sleep(_POLL_SECONDS)
        raise Unsettled("the change set was not complete in time")
