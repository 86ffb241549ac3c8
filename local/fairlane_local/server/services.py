"""Services of the local AWS: moto, with what it lacks."""

import logging
from typing import Final

from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends
from moto.ssm.models import SimpleSystemManagerBackend

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
from fairlane_local.iam import caller, conditions, roles
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
_MODULES: Final = (
    *(alarms, api, athena, bucket_policies, caller, custom_resources, ec2, ecr, event_resources),
    *(conditions, iam_simulation, lambda_api, roles, sagemaker_api, simulation, stacks, step_functions),
    training_resources,
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
    for module in _MODULES:
        module.install()


_init = SimpleSystemManagerBackend.__init__


def _init_bootstrapped(self: SimpleSystemManagerBackend, region_name: str, account_id: str) -> None:
    """Create the resources of `cdk bootstrap` that deployments use."""
    _init(self, region_name, account_id)
    self.put_parameter(
        name="/cdk-bootstrap/hnb659fds/version",
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
    bucket = f"cdk-hnb659fds-assets-{account_id}-{region_name}"
    if bucket not in s3_backends.bucket_accounts:
        s3_backends[account_id]["aws"].create_bucket(bucket, region_name)
