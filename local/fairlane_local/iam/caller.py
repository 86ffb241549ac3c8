"""Role of the callers with the printed credentials. Each account has it, and it may do everything."""

import json
from typing import Final

from moto.iam.models import IAMBackend, iam_backends
from moto.sts.models import STSBackend

ROLE_NAME: Final = "fairlane-local"
SESSION_NAME: Final = "fairlane"

_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
_PERMISSIONS: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def role_arn(account_id: str) -> str:
    """Return the ARN of the role in an account."""
    return f"arn:aws:iam::{account_id}:role/{ROLE_NAME}"


def install() -> None:
    """Let moto create the role with each account, and make it the identity of callers without another one."""
    IAMBackend.initialize_service_roles = _create_role  # type: ignore[method-assign]
    STSBackend.get_caller_identity = _get_caller_identity  # type: ignore[method-assign]


def _create_role(self: IAMBackend) -> None:
    self.create_role(
        ROLE_NAME, json.dumps(_TRUST), "/", None, "Caller with the credentials of the local AWS", [], "3600"
    )
    self.get_role(ROLE_NAME).put_policy("everything", json.dumps(_PERMISSIONS))


_moto_identity: Final = STSBackend.get_caller_identity


def _get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
    identity = _moto_identity(self, access_key_id, region)
    if not identity[1].endswith(":user/moto"):
        return identity
    role = iam_backends[self.account_id][self.partition].get_role(ROLE_NAME)
    arn = f"arn:{self.partition}:sts::{self.account_id}:assumed-role/{ROLE_NAME}/{SESSION_NAME}"
    return f"{role.id}:{SESSION_NAME}", arn, self.account_id
