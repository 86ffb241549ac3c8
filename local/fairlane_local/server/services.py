"""Services of the local AWS: moto, with what it lacks."""

import logging
import re
from typing import Final

from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from fairlane_local import lambda_api, simulation
from fairlane_local.athena import resources as athena
from fairlane_local.batch import api, training_resources
from fairlane_local.batch.jobs import sagemaker_api
from fairlane_local.cloudformation import (
    bucket_deployments,
    bucket_policies,
    custom_resources,
    ssm_parameters,
    stacks,
)
from fairlane_local.ec2 import resources as ec2
from fairlane_local.ecr import replication
from fairlane_local.ecr import resources as ecr
from fairlane_local.eks import api as eks_api
from fairlane_local.eks import custom_resources as eks_custom_resources
from fairlane_local.eks import resources as eks
from fairlane_local.hyperpod import api as hyperpod_api
from fairlane_local.hyperpod import resources as hyperpod
from fairlane_local.iam import caller, people, roles
from fairlane_local.iam import simulation as iam_simulation
from fairlane_local.market import capacity_api, pricing
from fairlane_local.monitoring import (
    alarm_changes,
    alarms,
    event_resources,
    log_metrics,
    metric_api,
    metric_filters,
    minutes,
    rule_groups,
)
from fairlane_local.reactions import event_buses, function_settings, object_events, queues, rules, schedules, topics
from fairlane_local.s3 import control_api
from fairlane_local.step_functions import resources as step_functions

_BOOTSTRAP_VERSION: Final = "30"
_QUALIFIER: Final = "hnb659fds"
_VERSION: Final = re.compile(r"/cdk-bootstrap/([a-z0-9-]{1,10})/version")
_MODULES: Final = (
    *(alarms, api, athena, bucket_policies, caller, custom_resources, ec2, ecr, event_resources),
    *(iam_simulation, lambda_api, people, roles, sagemaker_api, simulation, stacks, step_functions, training_resources),
    *(alarm_changes, function_settings, log_metrics, metric_api, metric_filters, minutes, rule_groups),
    *(event_buses, object_events, queues, rules, schedules, topics),
    *(capacity_api, control_api, pricing, replication),
    *(bucket_deployments, eks, eks_api, eks_custom_resources, hyperpod, hyperpod_api, ssm_parameters),
)


def install() -> None:
    """Extend moto, once in a process."""
    if SimpleSystemManagerBackend.__init__ is _init_bootstrapped:
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]
    SimpleSystemManagerBackend.__init__ = _init_bootstrapped  # type: ignore[method-assign]
    SimpleSystemManagerBackend.get_parameter = _get_bootstrapped  # type: ignore[method-assign]
    for module in _MODULES:
        module.install()


_init, _get = SimpleSystemManagerBackend.__init__, SimpleSystemManagerBackend.get_parameter


def _init_bootstrapped(self: SimpleSystemManagerBackend, region_name: str, account_id: str) -> None:
    """Create the resources of `cdk bootstrap` with its default qualifier."""
    _init(self, region_name, account_id)
    _bootstrap(self, _QUALIFIER)


def _get_bootstrapped(self: SimpleSystemManagerBackend, name: str) -> Parameter | None:
    """Return a parameter. The AWS CDK CLI reads the version of a bootstrap stack before it uses the stack."""
    found = _get(self, name)
    if found is None and (match := _VERSION.fullmatch(name)):
        _bootstrap(self, match[1])
        found = _get(self, name)
    return found


def _bootstrap(self: SimpleSystemManagerBackend, qualifier: str) -> None:
    """Create the resources of `cdk bootstrap` that deployments use."""
    self.put_parameter(
        name=f"/cdk-bootstrap/{qualifier}/version",
        description="",
        value=_BOOTSTRAP_VERSION,
        parameter_type="String",
        allowed_pattern="",
        keyid="",
        overwrite=True,
        tags=[],
        data_type="text",
        tier=None,
        policies=None,
    )
    bucket = f"cdk-{qualifier}-assets-{self.account_id}-{self.region_name}"
    if bucket not in s3_backends.bucket_accounts:
        s3_backends[self.account_id]["aws"].create_bucket(bucket, self.region_name)
