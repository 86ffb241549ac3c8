"""All kinds of roles. The tables say which of the probes are allowed, and all others are denied."""

import re

from tests.iam.fan_out_roles import FAN_OUT_ROLES
from tests.iam.grantee_roles import GRANTEE_ROLES
from tests.iam.hyperpod_roles import HYPERPOD_ROLES
from tests.iam.roles import Role
from tests.iam.schedule_roles import SCHEDULE_ROLES
from tests.iam.service_roles import SERVICE_ROLES
from tests.iam.who_may import Kind

KINDS = (*SERVICE_ROLES, *FAN_OUT_ROLES, *HYPERPOD_ROLES, *SCHEDULE_ROLES, *GRANTEE_ROLES)


def kind_of(role: Role) -> Kind:
    """Return the kind of a role. An unknown role is an error: add its kind to the table."""
    kinds = [kind for kind in KINDS if re.search(f"{kind.path}(/Resource)?$", role.path)]
    assert len(kinds) == 1, f"{role.path} has {len(kinds)} kinds, and must have one: see tests/iam/service_roles.py"
    return kinds[0]
