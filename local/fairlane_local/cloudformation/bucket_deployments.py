"""Bucket deployments of the CDK. Their function needs the AWS CLI, so the files are copied in process."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Self

from moto.s3.models import S3Backend, s3_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError


class BucketDeployment(LocalResource):
    """Custom::CDKBucketDeployment: the files of assets in a bucket.

    Metadata of objects, filters, and the invalidation of a distribution are ignored. Markers of values that are known
    only at deployment are replaced.
    """

    resource_type = "Custom::CDKBucketDeployment"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the ARN of the bucket and the keys of the assets."""
        return attr in ("DestinationBucketArn", "SourceObjectKeys")

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return the ARN of the bucket or the keys of the assets."""
        if attribute_name == "DestinationBucketArn":
            return f"arn:aws:s3:::{self.properties['DestinationBucketName']}"
        return self.properties["SourceObjectKeys"]

    def create(self) -> None:
        """Copy the files and, unless `Prune` is false, delete other objects of the destination."""
        bucket, prefix = self._destination
        files = {f"{prefix}{name}": content for name, content in self._files()}
        if _is_true(self.properties.get("Prune", True)):
            self._delete([key for key in self._keys() if key not in files])
        for key, content in files.items():
            self._s3.put_object(bucket, key, content)

    def update(self, old: Self) -> None:
        """Copy the files, and delete those of another destination unless they are retained."""
        self.create()
        if old._destination != self._destination:
            old.remove()

    def remove(self) -> None:
        """Delete the objects of the destination unless they are retained."""
        if not _is_true(self.properties.get("RetainOnDelete", True)):
            self._delete(self._keys())

    def _files(self) -> Iterator[tuple[str, bytes]]:
        names, keys = self.properties["SourceBucketNames"], self.properties["SourceObjectKeys"]
        markers: list[Mapping[str, str]] = self.properties.get("SourceMarkers") or [{}] * len(names)
        for bucket, key, values in zip(names, keys, markers, strict=True):
            asset = self._s3.get_object(bucket, key) if bucket in self._s3.buckets else None
            if asset is None:
                raise LocalAwsError(f"the asset s3://{bucket}/{key} does not exist")
            if not _is_true(self.properties.get("Extract", True)):
                yield key, asset.value
                continue
            with zipfile.ZipFile(io.BytesIO(asset.value)) as files:
                for name in files.namelist():
                    if not name.endswith("/"):
                        content = files.read(name)
                        for marker, value in values.items():
                            content = content.replace(marker.encode(), str(value).encode())
                        yield name, content

    def _keys(self) -> list[str]:
        bucket, prefix = self._destination
        if bucket not in self._s3.buckets:
            return []
        return [key for key in self._s3.buckets[bucket].keys if key.startswith(prefix)]

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            self._s3.delete_object(self._destination[0], key)

    @property
    def _destination(self) -> tuple[str, str]:
        prefix = self.properties.get("DestinationBucketKeyPrefix", "").strip("/")
        return self.properties["DestinationBucketName"], f"{prefix}/" if prefix else ""

    @property
    def _s3(self) -> S3Backend:
        return s3_backends[self._location[0]]["aws"]


def install() -> None:
    """Register the resource with moto's CloudFormation."""
    register((BucketDeployment,))


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
