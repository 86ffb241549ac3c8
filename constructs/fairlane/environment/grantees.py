"""Environment-file models of `submitters`, `managers` and `observers` of a queue."""

from collections.abc import Iterator

from fairlane._internal.checks import check_repeats
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.queues.grant_rules import check_max_priority, check_policy_name, check_role


class GranteeModel(Model, title="grantee"):
    """IAM role or managed policy that gets permissions on a queue."""

    role: str | None = None
    """ARN of an IAM role in the same account, which is made elsewhere. Required without `managed_policy_name`."""
    managed_policy_name: str | None = None
    """Name of a managed policy that the training stack creates, for permission sets of IAM Identity Center and for
    other roles. Entries with the same name in one Region add up. Replaces `role`."""

    @property
    def grantee(self) -> str:
        """Role or managed policy, in the words of the file."""
        return f"role {self.role}" if self.role is not None else f"managed_policy_name {self.managed_policy_name}"

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the entry by itself."""
        if self.role is None and self.managed_policy_name is None:
            yield Problem(("role",), None, "role or managed_policy_name")
        if self.role is not None and self.managed_policy_name is not None:
            sentence = "role and managed_policy_name exclude each other: use one of them"
            yield Problem.relation(("managed_policy_name",), sentence)
        if self.role is not None:
            yield from check_role(("role",), self.role)
        if self.managed_policy_name is not None:
            yield from check_policy_name(("managed_policy_name",), self.managed_policy_name)


class ManagerModel(GranteeModel, title="manager"):
    """IAM role or managed policy that can stop the jobs of a queue and change their priority."""

    max_priority: int | None = None
    """Highest scheduling priority that the grantee can set, 0 to 9999. Not for queues with `compute_environments`.
    Default: any priority."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the entry by itself."""
        yield from super().problems()
        yield from check_max_priority(self.max_priority)


class SubmitterModel(GranteeModel, title="submitter"):
    """IAM role or managed policy that can submit jobs to a queue."""

    shares: list[str] | None = None
    """Shares of the queue that the grantee can use, one or more. With fair-share, `*` at the end stands for a prefix.
    Default: all shares."""
    max_priority: int | None = None
    """Highest scheduling priority that is allowed, 0 to 9999. Jobs without a priority are allowed. Not for queues with
    `compute_environments`. Default: any priority."""
    execution_roles: list[str] = []
    """Keys of `execution_roles` that the grantee can pass to SageMaker. Not for queues with `compute_environments`.
    Default: none."""
    job_definitions: list[str] | None = None
    """Keys of `job_definitions` that the grantee can submit, one or more. Only for queues with `compute_environments`.
    Default: all job definitions that have the queue in `queues`."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the entry by itself."""
        yield from super().problems()
        yield from check_max_priority(self.max_priority)
        for key in ("shares", "execution_roles", "job_definitions"):
            names = getattr(self, key)
            if names is not None:
                yield from check_repeats((key,), names, "name")
        if self.job_definitions == []:
            yield Problem(("job_definitions",), [], "a list of one or more names")
