"""Training job of SageMaker as processes, with its files below `/opt/ml`."""

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fairlane_local.batch.jobs.job import Attempt, ServiceJob
from fairlane_local.processes.directories import open_directory, open_file
from fairlane_local.processes.images import image_directory
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.processes.storage import Storage, UploadedFiles, archive
from fairlane_local.processes.work import AttemptError, Command, End

CODE: Final = "code"
"""Channel in which the SageMaker Python SDK uploads the source code."""
_ML: Final = "/opt/ml"
_MAX_REASON: Final = 1024


class TrainingWork:
    """Attempt of a service job.

    Args:
        job: Service job.
        attempt: Attempt, whose times are set.
        options: Options of the processes.
        storage: S3 of the account and Region.
        log_streams: Log streams of the instances.
        log_group: Log group.
        environment: Function that returns the environment variables of an AWS client, and the files that they name.
        milliseconds: Function that returns the time.
        limits: Time limits in seconds, by their reason.
    """

    main = None

    def __init__(
        self,
        job: ServiceJob,
        attempt: Attempt,
        *,
        options: ProcessOptions,
        storage: Storage,
        log_group: str,
        log_streams: Sequence[str],
        environment: Callable[[], tuple[dict[str, str], dict[str, str]]],
        milliseconds: Callable[[], int],
        limits: Mapping[str, float],
    ) -> None:
        self._request: dict[str, Any] = json.loads(job.payload)
        self._attempt = attempt
        self._options = options
        self._storage = storage
        self._logs = log_group, log_streams
        self._environment = environment
        self._milliseconds = milliseconds
        self.limits = limits
        self.notice = options.training_notice
        self._hosts = [f"algo-{index + 1}" for index in range(job.units)]
        self._checkpoints: list[UploadedFiles] = []
        config = self._request.get("CheckpointConfig") or {}
        self._checkpoint_path = config.get("LocalPath", f"{_ML}/checkpoints")
        if config:
            self._checkpoints = [UploadedFiles(storage, config["S3Uri"], options.disk_mib) for _ in self._hosts]

    def commands(self) -> list[Command]:
        """Return one command for each instance."""
        algorithm = self._request.get("AlgorithmSpecification", {})
        arguments = [*algorithm.get("ContainerEntrypoint", []), *algorithm.get("ContainerArguments", [])]
        channels = self._channels()
        try:
            image = image_directory(self._options.images, algorithm.get("TrainingImage", ""))
        except AttemptError:
            if CODE not in channels or not arguments:
                raise
            image = None  # the SDK uploaded the script, which only needs Python
        own, files = self._environment()
        name = self._attempt.resource.rpartition("/")[2]
        group, streams = self._logs
        for channel in channels.values():
            _check_channel(channel)
        return [
            Command(
                host=host,
                arguments=arguments or ["train"],
                environment={
                    **own,
                    "TRAINING_JOB_NAME": name,
                    "TRAINING_JOB_ARN": self._attempt.resource,
                    **self._variables(host, [*channels]),
                    **self._request.get("Environment", {}),
                },
                image=image,
                memory_mib=self._options.memory_mib,
                log_group=group,
                log_stream=stream,
                files={**files, "/etc/hosts": _hosts_file(self._hosts)},
            )
            for host, stream in zip(self._hosts, streams, strict=True)
        ]

    def prepare(self, roots: Sequence[Path]) -> None:
        """Write the configuration, the channels and the checkpoints."""
        self._attempt.downloading = self._milliseconds()
        channels = self._channels()
        try:
            for index, (root, host) in enumerate(zip(roots, self._hosts, strict=True)):
                for folder in ("model", "output/data", "input/config", "input/data", "checkpoints"):
                    with open_directory(root, f"{_ML}/{folder}", create=True):
                        pass
                with open_directory(root, f"{_ML}/input/config") as directory:
                    self._write_configuration(directory, host, channels)
                for name, channel in channels.items():
                    with open_directory(root, f"{_ML}/input/data/{name}", create=True) as directory:
                        self._download(directory, channel, index)
                if self._checkpoints:
                    with open_directory(root, self._checkpoint_path, create=True) as directory:
                        self._storage.download(self._request["CheckpointConfig"]["S3Uri"], directory)
                        self._checkpoints[index].note(directory)
        except OSError as error:
            reason = f"ClientError: Data download failed: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                reason += f"; each instance has {self._options.disk_mib} MiB: start the local AWS with a higher --disk"
            raise AttemptError(reason) from error

    def copy(self, roots: Sequence[Path]) -> None:
        """Copy the checkpoints to S3."""
        if self._checkpoints:
            for root, files in zip(roots, self._checkpoints, strict=True):
                with suppress(FileNotFoundError), open_directory(root, self._checkpoint_path) as directory:
                    files.update(directory)

    def collect(self, roots: Sequence[Path], end: End, *, is_stopped: bool) -> End:
        """Upload the checkpoints, the model and other output."""
        self._attempt.uploading = self._milliseconds()
        try:
            self.copy(roots)
            output = self._request.get("OutputDataConfig", {}).get("S3OutputPath", "").rstrip("/")
            prefix = f"{output}/{self._attempt.resource.rpartition('/')[2]}/output"
            if output and (end.exit_code == 0 or is_stopped):
                with _open_directories(roots, f"{_ML}/model") as models:
                    self._upload(f"{prefix}/model.tar.gz", models)
            with _open_directories(roots, f"{_ML}/output/data") as data:
                if output and any(any(directory.iterdir()) for directory in data):
                    self._upload(f"{prefix}/output.tar.gz", data)
            with _open_directories(roots, f"{_ML}/output") as outputs:
                text = next((text for directory in outputs if (text := _failure(directory))), "")
        except AttemptError as error:
            return End(exit_code=end.exit_code, reason=str(error))
        if end.exit_code in (0, None) or end.reason:
            return end
        cause = "OutOfMemoryError: the memory limit of the process was reached" if end.out_of_memory else text
        reason = f"AlgorithmError: {cause + ', ' if cause else ''}exit code: {end.exit_code}"
        return End(exit_code=end.exit_code, reason=reason, limit=end.limit)

    def _channels(self) -> dict[str, dict[str, Any]]:
        return {channel["ChannelName"]: channel for channel in self._request.get("InputDataConfig", [])}

    def _write_configuration(self, folder: Path, host: str, channels: Mapping[str, Mapping[str, Any]]) -> None:
        resources = self._request["ResourceConfig"]
        instance_type = self._attempt.instance_type or resources.get("InstanceType", "")
        group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": self._hosts}
        contents = {
            "hyperparameters": self._request.get("HyperParameters", {}),
            "inputdataconfig": {
                name: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": _source(channel).get("S3DataDistributionType", "FullyReplicated"),
                    "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                    **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
                }
                for name, channel in channels.items()
            },
            "resourceconfig": {
                "current_host": host,
                "current_instance_type": instance_type,
                "current_group_name": group["instance_group_name"],
                "hosts": self._hosts,
                "instance_groups": [group],
                "network_interface_name": "lo",
            },
        }
        for name, content in contents.items():
            (folder / f"{name}.json").write_text(json.dumps(content))

    def _variables(self, host: str, channels: Sequence[str]) -> dict[str, str]:
        """Return the variables of the SageMaker Training Toolkit, which AWS's images contain."""
        parameters = self._request.get("HyperParameters", {})
        return {
            "SM_MODEL_DIR": f"{_ML}/model",
            "SM_INPUT_DIR": f"{_ML}/input",
            "SM_OUTPUT_DIR": f"{_ML}/output",
            "SM_OUTPUT_DATA_DIR": f"{_ML}/output/data",
            "SM_CHANNELS": json.dumps(channels),
            **{f"SM_CHANNEL_{name.upper()}": f"{_ML}/input/data/{name}" for name in channels},
            "SM_HPS": json.dumps(parameters),
            **{f"SM_HP_{name.upper()}": value for name, value in parameters.items() if not {*"=\0"} & {*name}},
            "SM_HOSTS": json.dumps(self._hosts),
            "SM_CURRENT_HOST": host,
            "SM_NUM_CPUS": str(os.cpu_count() or 1),
            "SM_NUM_GPUS": "0",
            "SM_NETWORK_INTERFACE_NAME": "lo",
        }

    def _download(self, directory: Path, channel: Mapping[str, Any], index: int) -> None:
        source = _source(channel)
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        shard = (index, len(self._hosts)) if sharded else (0, 1)
        is_zipped = channel.get("CompressionType") == "Gzip"
        if not self._storage.download(source["S3Uri"], directory, shard, unzip=is_zipped):
            sentence = f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source'
            raise AttemptError(f"ClientError: {sentence} of the channel {channel['ChannelName']}")

    def _upload(self, uri: str, directories: Sequence[Path]) -> None:
        content = archive(directories, self._options.model_mib)
        if content is None:
            sentence = f"Artifact upload failed: the files of {uri.rpartition('/')[2]}"
            raise AttemptError(f"ClientError: {sentence} are larger than {self._options.model_mib} MiB")
        self._storage.upload(uri, content)


def _check_channel(channel: Mapping[str, Any]) -> None:
    kind = _source(channel).get("S3DataType")
    name = channel["ChannelName"]
    if kind != "S3Prefix":
        raise AttemptError(f"ClientError: channel {name}: the local AWS reads only the S3DataType S3Prefix, got {kind}")
    if channel.get("InputMode") == "Pipe":
        raise AttemptError(f"ClientError: channel {name}: the local AWS has no input mode Pipe; use File or FastFile")


def _source(channel: Mapping[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = channel.get("DataSource", {}).get("S3DataSource", {})
    return source


def _hosts_file(hosts: Sequence[str]) -> str:
    """Return the addresses of the instances, all on this computer."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    return "\n".join([*lines, *(f"127.0.0.{number + 1} {host}" for number, host in enumerate(hosts)), ""])


@contextmanager
def _open_directories(roots: Sequence[Path], path: str) -> Iterator[list[Path]]:
    """Open a directory of each instance. Instances without it are left out."""
    with ExitStack() as stack:
        directories = []
        for root in roots:
            with suppress(FileNotFoundError):
                directories.append(stack.enter_context(open_directory(root, path)))
        yield directories


def _failure(directory: Path) -> str:
    file = open_file(directory / "failure")
    if file is None:
        return ""
    with file:
        return file.read(4 * _MAX_REASON).decode(errors="replace")[:_MAX_REASON].strip()
