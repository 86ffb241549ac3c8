"""Training in many Regions from one manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import Stack, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import WORKGROUP, Claims
from fairlane._internal.event_queues import CONSUMER_ACTIONS, consume
from fairlane._internal.iam_statements import allow
from fairlane._internal.json_tables import create_workgroup
from fairlane._internal.lambda_package import metrics_catalog
from fairlane._internal.log_encryption import AnyKey, key_arn_of, log_key_arn, log_key_problems
from fairlane._internal.schedules import add_schedule, add_target
from fairlane.errors import ConfigurationError
from fairlane.fan_out import fan_out_rules as rules
from fairlane.fan_out.argument_rules import home_problems, role_problems, store_problems
from fairlane.fan_out.fan_out_events import FanOutEvents, start_on_manifests
from fairlane.fan_out.fan_out_functions import (
    create_configuration,
    create_copy_role,
    create_functions,
    function_permissions,
)
from fairlane.fan_out.fan_out_grants import FanOutGrants
from fairlane.fan_out.fan_out_metrics import FanOutMetrics
from fairlane.fan_out.fan_out_permissions import FanOutPermissions, Permission
from fairlane.fan_out.fan_out_region import TrainingFanOutRegion
from fairlane.fan_out.fan_out_storage import create_bucket, create_ledger, create_parameter, create_tables
from fairlane.fan_out.state_machine import create_state_machine
from fairlane.monitoring.exporter.rules import namespace_problems
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES
from fairlane_lambda.fan_out.names import QUERIES

if TYPE_CHECKING:
    from fairlane.sweeps import SweepStoreBase

_KIND: Final = "fan-out"
_EVENT_WINDOW_SECONDS: Final = 5
_WORKGROUP: Final = "Queries of manifests, outcomes and capacity"


class TrainingFanOut(FanOutMetrics):
    """Training in many Regions from one manifest, each job where its data is, and each line exactly once.

    A manifest below `manifests/` of the bucket starts the state machine. The function `plan` checks and places all
    lines, then the function `submit` submits them to the queues of each Region, at most five a second and Region, and
    records each line in the ledger. Events of the jobs come home through the event bus, which takes events of the
    rules of `TrainingFanOutRegion` only. Each Region with a queue, except for the home Region, needs a
    `TrainingFanOutRegion` in a stack of that Region.

    Bucket and ledger are kept if the construct or its stack is deleted, and the ledger has deletion protection. The
    lines of the ledger expire after 400 days. No log contains a parameter, a payload or the result of a query.

    Updates: in place, except for the name: another name creates another event bus, state machine, database, workgroup
    and parameter, and keeps the bucket and the ledger, whose lines know their jobs by the old name. Let all jobs end
    first. An edited template or query counts for the next plan: a started manifest is not changed. A Region that is
    removed from `queues` leaves its jobs running, and nobody is told of their end. A KMS key replaces the key of the
    ledger in place, and applies to new objects of the bucket only. Not tested against a real AWS account.

    Sources: "SubmitServiceJob" and "Service quotas" in the AWS Batch documentation; "Sending and receiving events
    between AWS Regions" in the Amazon EventBridge user guide; "Amazon S3 Batch Operations" in the Amazon S3 user guide.

    Args:
        scope: Scope of the construct, in a stack with the home Region as `env`.
        construct_id: Id of the construct.
        fan_out_name: Name by which clients find the fan-out, 1 to 24 characters of a-z, 0-9 and -, a letter first.
        queues: Name of a queue, or a list of names, by Region, at most 40 Regions. The first queue of a Region is for
            lines without a queue. Queues are for SageMaker training jobs or for containers.
        template: Text of a CreateTrainingJob or SubmitJob request as JSON, with the placeholders `${data}`,
            `${region}`, `${image}`, `${instance_type}`, `${instance_count}`, `${id}`, `${account}`, `${role}` and
            `${role.KEY}`. AWS Batch names the training job.
        execution_roles: Execution roles of SageMaker training jobs, by a key of your choice. The first is `${role}`.
            The roles must allow their jobs in all Regions: see `regions` of `TrainingExecutionRole`. Default: none,
            for templates of SubmitJob.
        job_definitions: Names of the job definitions that jobs in queues of containers can use. Default: none.
        query: Text of a SELECT of Athena whose rows are the lines of a manifest. Default: manifests are files.
        query_databases: Names of the Glue databases that the query reads, besides the one of the fan-out. Default:
            none.
        query_data: S3 URIs of the prefixes with the data of these databases. Each ends with `/`. Default: none.
        query_table_buckets: Names of the S3 table buckets of the home Region that the query reads, with the access
            control of IAM: their catalogs are `s3tablescatalog/<bucket>`. Default: none.
        query_catalogs: Names of the catalogs of AWS Glue under AWS Lake Formation that the query reads, for example
            `s3tablescatalog/<bucket>`. Lake Formation must grant the role of `plan` their tables. Default: none.
        query_connectors: Lambda functions of the federated sources that the query reads, by the name of their data
            catalog of Athena. A function is a name in the home Region, or an ARN; a token is an ARN. Default: none.
        query_spill: S3 URIs of the prefixes to which these functions write rows. Each ends with `/`. Default: none.
        schedule: Schedule expression, in UTC, at which the query runs, for example `rate(1 day)`. Default: on demand.
        placement: Steps that rank the candidates of a line, in their order. Default: reserved, idle, spot-score, price.
        residency: Regions in which the data below a prefix may be used, by the S3 URI of the prefix. Default: all
            Regions of the fan-out.
        copy_from: S3 URIs of the prefixes that data may be copied from. Each ends with `/`. Default: no copies.
        copy_to: S3 URIs of the prefixes that data may be copied to. Each ends with `/`. Default: no copies.
        store: Sweep store of the array jobs in queues of containers. Their job roles need `store.grants.run`, in other
            Regions of `SweepStore.from_bucket_name` with `region`. Default: none, for SageMaker training jobs.
        namespace: CloudWatch namespace of the metrics. Default: Fairlane.
        encryption_key: KMS key of the bucket and of the ledger in the same Region, or its ARN. The key policy must
            allow the roles of the functions and those with grants. Default: keys of AWS.
        log_encryption_key: KMS key of the log groups, or its ARN, as in `TrainingVpc`. Default: encryption with a key
            of CloudWatch Logs.
        tags: Tags of the resources, at most 50. Default: none.

    Attributes:
        spec: Settings.
        bucket: Bucket of manifests, plans and outcomes.
        ledger: DynamoDB table with the states of all lines.
        functions: Functions by name: plan, submit, outcomes, reconcile and capacity.
        state_machine: State machine.
        state_machine_arn: ARN of the state machine.
        events: Event bus with its queues.
        region: Rule for the events of the home Region. None if the home Region has no queue.
        database: Glue database.
        workgroup: Athena workgroup.
        parameter: SSM parameter by which clients find the fan-out.
        copy_role: Role of S3 Batch Operations. None without copies.
        encryption_key_arn: ARN of the KMS key. None for keys of AWS.

    Raises:
        ConfigurationError: If an argument has the wrong form, or if another fan-out has the name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fan_out_name: str,
        queues: Mapping[str, rules.QueueNames],
        template: str,
        execution_roles: Mapping[str, iam.IRole] | None = None,
        job_definitions: Sequence[str] = (),
        query: str | None = None,
        query_databases: Sequence[str] = (),
        query_data: Sequence[str] = (),
        query_table_buckets: Sequence[str] = (),
        query_catalogs: Sequence[str] = (),
        query_connectors: Mapping[str, str] | None = None,
        query_spill: Sequence[str] = (),
        schedule: str | None = None,
        placement: Sequence[str] = rules.PLACEMENT_STEPS,
        residency: Mapping[str, Sequence[str]] | None = None,
        copy_from: Sequence[str] = (),
        copy_to: Sequence[str] = (),
        store: "SweepStoreBase | None" = None,
        namespace: str | None = None,
        encryption_key: AnyKey | None = None,
        log_encryption_key: AnyKey | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims, roles = Claims.regional(scope), {} if execution_roles is None else execution_roles
        path, key_arn = f"{scope.node.path}/{construct_id}", key_arn_of(encryption_key)
        has_roles = isinstance(roles, Mapping)  # without roles, placeholders of roles would be mistakes, too
        spec = rules.FanOutSpec(
            queues=queues,
            execution_roles=list(roles) if has_roles else [],
            template=template,
            query=query,
            placement=placement,
            residency={} if residency is None else residency,
            job_definitions=job_definitions,
            query_databases=query_databases,
            query_data=query_data,
            query_table_buckets=query_table_buckets,
            query_catalogs=query_catalogs,
            query_connectors={} if query_connectors is None else query_connectors,
            query_spill=query_spill,
            copy_from=copy_from,
            copy_to=copy_to,
            schedule=schedule,
            encryption_key=key_arn,
            tags=tags,
        )
        problems = [
            *home_problems(claims.region),
            *role_problems(roles),
            *(each for each in spec.problems(fan_out_name, claims.region) if has_roles or each.field[0] != "template"),
            *store_problems(store),
            *(() if namespace is None else namespace_problems(namespace)),
            *log_key_problems(scope, log_encryption_key),
            *(
                [*claims.name_problems(_KIND, "fan_out_name", fan_out_name)]
                or claims.name_problems(WORKGROUP, "fan_out_name", rules.workgroup_name(fan_out_name))
            ),
        ]
        if problems:
            raise ConfigurationError(path, problems)
        super().__init__(scope, construct_id)
        configuration = create_configuration(self, spec.config(fan_out_name, claims.region))
        claims.add(_KIND, fan_out_name, self)
        claims.add(WORKGROUP, rules.workgroup_name(fan_out_name), self)
        self.spec, self.fan_out_name, self.encryption_key_arn = spec, fan_out_name, key_arn
        self.namespace = metrics_catalog()["namespace"] if namespace is None else namespace
        log_key, bucket = log_key_arn(self, log_encryption_key), create_bucket(self, key_arn)
        self.bucket, self.ledger = bucket, create_ledger(self, key_arn)
        self.database = create_tables(self, self.database_name, bucket.bucket_name)
        output = f"s3://{bucket.bucket_name}/{QUERIES}"
        self.workgroup = create_workgroup(self, self.workgroup_name, _WORKGROUP, output, key_arn)
        name = rules.resource_name(fan_out_name)
        self.state_machine_arn = f"{ARN}:states:{claims.region}:{claims.account}:stateMachine:{name}"
        permissions = FanOutPermissions(
            spec=spec,
            home=claims.region,
            account=claims.account,
            bucket_arn=bucket.bucket_arn,
            table_arn=self.ledger.attr_arn,
            configuration_arn=f"{ARN}:s3:::{configuration.s3_bucket_name}/{configuration.s3_object_key}",
            database=self.database_name,
            workgroup=self.workgroup_name,
            state_machine=name,
            role_arns=[role.role_arn for role in roles.values()],
            store=store.bucket_arn if store else None,
            keys=[key for key in (key_arn, store.encryption_key_arn if store else None) if key],
        )
        self.copy_role = create_copy_role(self, permissions) if copy_to else None
        if self.copy_role is not None:
            permissions = replace(permissions, copy_role_arn=self.copy_role.attr_arn)
        self.events = FanOutEvents(self, "Events", fan_out_name)
        granted = function_permissions(permissions, path)
        granted["outcomes"].append(Permission(allow(CONSUMER_ACTIONS, [self.events.queue.queue_arn])))
        environment = {
            "FAIRLANE_NAMESPACE": self.namespace,
            "FAN_OUT": fan_out_name,
            "CONFIG_BUCKET": configuration.s3_bucket_name,
            "CONFIG_KEY": configuration.s3_object_key,
            "BUCKET": bucket.bucket_name,
            "TABLE": self.ledger.ref,
            "DATABASE": self.database_name,
            "WORKGROUP": self.workgroup_name,
            "STATE_MACHINE": self.state_machine_arn,
            "STORE": store.bucket_name if store else "",
            "ROLES": Stack.of(self).to_json_string({key: role.role_arn for key, role in roles.items()}),
            "COPY_ROLE": self.copy_role.attr_arn if self.copy_role else "",
        }
        self.functions = create_functions(self, granted, environment, log_key)
        plan, submit = (self.functions[name].arn for name in ("plan", "submit"))
        self.state_machine = create_state_machine(self, name, plan, submit, log_key)
        self._add_triggers(spec.schedule)
        self.region = None
        if claims.region in spec.queues:
            self.region = TrainingFanOutRegion(self, "Region", fan_out_name=fan_out_name, home_region=claims.region)
        place = {
            "name": fan_out_name,
            "region": claims.region,
            "regions": list(spec.queues),
            "bucket": bucket.bucket_name,
            "table": self.ledger.ref,
            "state_machine": self.state_machine.attr_arn,
            "database": self.database_name,
            "workgroup": self.workgroup_name,
        }
        self.parameter = create_parameter(self, self.parameter_name, place)
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)

    @property
    def workgroup_name(self) -> str:
        """Name of the Athena workgroup, `fairlane-fan-out-<name>`."""
        return rules.workgroup_name(self.fan_out_name)

    @property
    def database_name(self) -> str:
        """Name of the Glue database, `fairlane_fan_out_<name>` with `_` instead of `-`."""
        return rules.database_name(self.fan_out_name)

    @property
    def parameter_name(self) -> str:
        """Name of the SSM parameter by which clients find the fan-out, `/fairlane/fan-out/<name>`."""
        return rules.parameter_name(self.fan_out_name)

    @property
    def grants(self) -> FanOutGrants:
        """Permissions on the fan-out."""
        return FanOutGrants(self)

    def _add_triggers(self, schedule: str | None) -> None:
        functions, events = self.functions, self.events
        consume(self, "EventsMapping", functions["outcomes"], events.queue, _EVENT_WINDOW_SECONDS)
        dead_letters = events.rule_dead_letters.queue_arn
        start_on_manifests(
            Construct(self, "Manifests"), self.bucket.bucket_name, self.state_machine.attr_arn, dead_letters
        )
        for name, minutes in (("reconcile", PUBLISHED_MINUTES), ("capacity", 60)):
            period = cdk.Duration.minutes(minutes)
            add_schedule(Construct(self, f"{name.capitalize()}Schedule"), functions[name], period, "{}")
        if schedule is not None:
            parent, text = Construct(self, "QuerySchedule"), json.dumps({"operation": "query"})
            add_target(parent, schedule, "states:StartExecution", self.state_machine.attr_arn, text)
