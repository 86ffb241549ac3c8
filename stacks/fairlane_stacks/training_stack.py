"""Stack with the queues of one Region, what their jobs need, the stores of sweeps, and fan-outs."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import aws_cdk as cdk
from constructs import Construct

from fairlane.capacity import ServiceEnvironment
from fairlane.capacity.service_environment import warn_of_unknown_instance_types
from fairlane.environment import AlarmSettings, FanOutModel, RegionModel, SweepStoreModel
from fairlane.environment.stack_rules import STACK_PREFIX
from fairlane.jobs import TrainingExecutionRole
from fairlane.queues import GpuQueue, TrainingQueue
from fairlane_stacks.gpu import compute_environments, job_definitions
from fairlane_stacks.grantees import add_grants
from fairlane_stacks.regional_stack import RegionalStack, StackSettings

if TYPE_CHECKING:
    from fairlane.fan_out import TrainingFanOut, TrainingFanOutRegion
    from fairlane.monitoring import AlarmTopic, JobArchive
    from fairlane.schedules import TrainingSchedule
    from fairlane.sweeps import SweepStore, SweepStoreBase


class TrainingStack(RegionalStack):
    """Queues of one Region and the resources that their jobs need, in one stack without references to other stacks.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        model: Settings of the Region.
        home: Home Region of the fan-outs. Default: the Region of the stack.
        fan_outs: Fan-outs of the environment by name. Default: none.
        home_stores: Sweep stores of the home Region, by name. Default: none.
        name_prefix: Prefix of the names of the schedules' alarms. Default: the name of the stack.
        stack_prefix: Start of the names of workgroups, databases and parameters of sweep stores. Default: fairlane.
        settings: Account, Region, tags and termination protection.

    Attributes:
        service_environments: Service environments that queues share, by their key in the file.
        compute_environments: Compute environments with GPU instances, by their key in the file.
        training_queues: Queues for SageMaker training jobs, by name.
        gpu_queues: Queues for containers, by name.
        job_definitions: Job definitions of containers, by name.
        execution_roles: IAM roles of SageMaker training jobs, by their key in the file.
        sweep_stores: Stores of hyperparameter sweeps, by name.
        fan_outs: Fan-outs by name, in the home Region only.
        fan_out_regions: Parts of fan-outs by name, in other Regions.
        schedules: Schedules that submit jobs, by name.
        topics: New SNS topics of the alarms of schedules and of the archive.
        job_archive: Archive of ended jobs. None without `job_archive`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: RegionModel,
        home: str | None = None,
        fan_outs: Mapping[str, FanOutModel] | None = None,
        home_stores: Mapping[str, SweepStoreModel] | None = None,
        name_prefix: str | None = None,
        stack_prefix: str = STACK_PREFIX,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        self._stack_prefix = stack_prefix
        environments = Construct(self, "ServiceEnvironments")
        self.service_environments = {
            name: ServiceEnvironment(environments, name, capacity=environment.capacity, tags=environment.tags)
            for name, environment in model.service_environments.items()
        }
        self.compute_environments = compute_environments(self, model, settings["tags"])
        queues = Construct(self, "Queues")
        self.training_queues = {
            name: TrainingQueue(
                queues,
                name,
                queue_name=name,
                service_environment=self.service_environments.get(queue.service_environment or ""),
                **queue.settings,
            )
            for name, queue in model.training_queues.items()
        }
        self.gpu_queues = {
            name: GpuQueue(
                queues,
                name,
                queue_name=name,
                compute_environments=[self.compute_environments[key] for key in queue.compute_environments],
                **queue.settings,
            )
            for name, queue in model.gpu_queues.items()
        }
        self.job_definitions = job_definitions(self, model, self.gpu_queues)
        is_home, fan_outs = home in (None, self.region), fan_outs or {}
        roles = Construct(self, "ExecutionRoles")
        self.execution_roles = {
            name: TrainingExecutionRole(
                roles, name, **dict(role), regions=_regions_of_role(name, fan_outs if is_home else {})
            )
            for name, role in model.execution_roles.items()
        }
        add_grants(self, model)
        self.sweep_stores = self._sweep_stores(model)
        self._grant_lines(fan_outs, home_stores or {}, str(home or self.region))
        self.fan_outs = self._fan_outs(model, fan_outs) if is_home else {}
        self.fan_out_regions = {} if is_home else self._fan_out_regions(str(home), fan_outs)
        self.topics: list[AlarmTopic] = []
        alarm = self._alarm_settings(model) if model.schedules or model.job_archive else {}
        self.schedules = self._schedules(model, alarm, name_prefix)
        for name, queue in model.training_queues.items():
            if queue.instance_type is not None:
                warn_of_unknown_instance_types(self.training_queues[name], [queue.instance_type])
        self.job_archive = self._job_archive(model, alarm)
        self._add_outputs()

    def _sweep_stores(self, model: RegionModel) -> "dict[str, SweepStore]":
        """Create the stores beside the roles of their jobs, so that the grants refer to no other stack."""
        if not model.sweeps:
            return {}
        from fairlane.sweeps import SweepStore  # noqa: PLC0415 (loads for a tenth of a second)

        parent = Construct(self, "SweepStores")
        stores = {
            name: SweepStore(parent, name, store_name=name, name_prefix=self._stack_prefix, **store.settings)
            for name, store in model.sweeps.items()
        }
        for name, store in model.sweeps.items():
            for role in (
                *(self.job_definitions[job].job_role for job in store.job_definitions),
                *(self.execution_roles[role] for role in store.execution_roles),
            ):
                stores[name].grants.run(role)
        return stores

    def _grant_lines(
        self, fan_outs: Mapping[str, FanOutModel], home_stores: Mapping[str, SweepStoreModel], home: str
    ) -> None:
        """Grant the containers of fan-outs access to the sweep store at home, in other Regions by its names."""
        used = {
            (job, fan_out.store): None
            for fan_out in fan_outs.values()
            for job in fan_out.job_definitions
            if fan_out.store and job in self.job_definitions and self._runs_containers(fan_out)
        }
        if not used:
            return
        from fairlane.sweeps import SweepStore  # noqa: PLC0415 (loads for a tenth of a second)

        stores: dict[str, SweepStoreBase] = {**self.sweep_stores} if home == self.region else {}
        parent = Construct(self, "HomeStores")
        for job, name in used:
            if name not in stores:
                bucket, key = home_stores[name].bucket_name, home_stores[name].encryption_key
                stores[name] = SweepStore.from_bucket_name(
                    parent,
                    name,
                    str(bucket),
                    store_name=name,
                    encryption_key=key,
                    region=home,
                    name_prefix=self._stack_prefix,
                )
            stores[name].grants.run(self.job_definitions[job].job_role)

    def _runs_containers(self, fan_out: FanOutModel) -> bool:
        """Return True if a fan-out submits jobs to queues of containers in this Region."""
        names = fan_out.queues.get(self.region, [])
        return not self.gpu_queues.keys().isdisjoint([names] if isinstance(names, str) else names)

    def _fan_outs(self, model: RegionModel, fan_outs: Mapping[str, FanOutModel]) -> "dict[str, TrainingFanOut]":
        if not fan_outs:
            return {}
        from fairlane.fan_out import TrainingFanOut  # noqa: PLC0415 (loads for a tenth of a second)

        parent = Construct(self, "FanOuts")
        return {
            name: TrainingFanOut(
                parent,
                name,
                fan_out_name=name,
                execution_roles={key: self.execution_roles[key] for key in fan_out.execution_roles},
                store=self.sweep_stores.get(fan_out.store or ""),
                namespace=model.job_metrics.namespace if model.job_metrics else None,
                log_encryption_key=model.log_encryption_key,
                **fan_out.settings,
            )
            for name, fan_out in fan_outs.items()
        }

    def _schedules(
        self, model: RegionModel, alarm: Mapping[str, Any], name_prefix: str | None
    ) -> "dict[str, TrainingSchedule]":
        if not model.schedules:
            return {}
        from fairlane.schedules import TrainingSchedule  # noqa: PLC0415 (loads for a tenth of a second)

        queues: dict[str, TrainingQueue | GpuQueue] = {**self.training_queues, **self.gpu_queues}
        parent = Construct(self, "Schedules")
        return {
            name: TrainingSchedule(
                parent,
                name,
                queue=queues[str(schedule.queue)],
                execution_role=self.execution_roles.get(schedule.execution_role or ""),
                job_definition=self.job_definitions.get(schedule.job_definition or ""),
                name_prefix=name_prefix,
                **alarm,
                **schedule.settings(name, model.queues[str(schedule.queue)]),
            )
            for name, schedule in model.schedules.items()
        }

    def _job_archive(self, model: RegionModel, alarm: Mapping[str, Any]) -> "JobArchive | None":
        if model.job_archive is None:
            return None
        from fairlane.monitoring import JobArchive  # noqa: PLC0415 (loads for a tenth of a second)

        hints = {name: queue.instance_type for name, queue in model.training_queues.items() if queue.instance_type}
        return JobArchive(
            self,
            "JobArchive",
            queues=[*self.training_queues.values(), *self.gpu_queues.values()],
            instance_types=hints,
            log_encryption_key=model.log_encryption_key,
            name_prefix=self._stack_prefix,
            **alarm,
            **model.job_archive.settings,
        )

    def _alarm_settings(self, model: RegionModel) -> dict[str, Any]:
        """Return the arguments for the alarms of schedules and of the archive."""
        from fairlane_stacks.notification_targets import shared_targets  # noqa: PLC0415

        alarms = model.alarms or AlarmSettings()
        notify = shared_targets(self, alarms, self.region, self.topics) if alarms.enabled else []
        return {"alarm": alarms.enabled, "notify": notify, "runbooks": alarms.runbooks}

    def _fan_out_regions(self, home: str, fan_outs: Mapping[str, FanOutModel]) -> "dict[str, TrainingFanOutRegion]":
        names = [name for name, fan_out in fan_outs.items() if self.region in fan_out.queues]
        if not names:
            return {}
        from fairlane.fan_out import TrainingFanOutRegion  # noqa: PLC0415

        parent = Construct(self, "FanOuts")
        return {name: TrainingFanOutRegion(parent, name, fan_out_name=name, home_region=home) for name in names}

    def _add_outputs(self) -> None:
        """Add outputs for names and ARNs. Names that differ only in - and _ get a parent, so that their ids differ."""
        queues = {**self.training_queues, **self.gpu_queues}
        outputs = {f"{name}-QueueName": queue.job_queue_name for name, queue in queues.items()}
        outputs |= {f"{name}-QueueArn": queue.job_queue_arn for name, queue in queues.items()}
        outputs |= {f"{name}-ExecutionRoleArn": role.role_arn for name, role in self.execution_roles.items()}
        outputs |= {f"{name}-JobRoleArn": job.job_role.role_arn for name, job in self.job_definitions.items()}
        for name, store in self.sweep_stores.items():
            outputs |= {f"{name}-SweepBucketName": store.bucket_name, f"{name}-SweepWorkgroup": store.workgroup_name}
        for name, fan_out in self.fan_outs.items():
            outputs |= {
                f"{name}-FanOutBucketName": fan_out.bucket.bucket_name,
                f"{name}-FanOutStateMachineArn": fan_out.state_machine.attr_arn,
                f"{name}-FanOutWorkgroup": fan_out.workgroup_name,
            }
        if self.job_archive is not None:
            outputs["JobArchiveBucketName"] = self.job_archive.bucket.bucket_name
        counts = Counter(map(_alphanumeric, outputs))
        for name, value in outputs.items():
            parent = self if counts[_alphanumeric(name)] == 1 else Construct(self, f"Output-{name}")
            cdk.CfnOutput(parent, name, value=value)


def _regions_of_role(role: str, fan_outs: Mapping[str, FanOutModel]) -> list[str]:
    """Return the Regions in which jobs of fan-outs use an execution role."""
    users = [fan_out.queues for fan_out in fan_outs.values() if role in fan_out.execution_roles]
    return list(dict.fromkeys(region for queues in users for region in queues))


def _alphanumeric(name: str) -> str:
    return "".join(filter(str.isalnum, name))
