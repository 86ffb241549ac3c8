"""Driving campaigns for the fan-out of the example environment: their table, buckets and image."""

import json
from typing import Any, Final

from fairlane_local.server.access import LocalSession

_BUCKET: Final = "example-campaigns-{}"
HOME: Final = "us-east-1"
_EUROPE: Final = "eu-west-1"
_IMAGE: Final = ("training/pytorch", "2.9")
_SERDE: Final = "org.openx.data.jsonserde.JsonSerDe"
_COLUMNS: Final = {
    "id": "string",
    "region": "string",
    "data": "string",
    "copy_region": "string",
    "copy": "string",
    "fleet": "string",
    "gigabytes": "double",
    "hours": "double",
    "model": "string",
}
_CAMPAIGNS: Final = (
    # id, Region, other Region with a copy, fleet, gigabytes, hours
    ("austin-21", HOME, _EUROPE, "cars", 30_000, 6),
    ("boston-4", HOME, _EUROPE, "cars", 30_000, 6),
    ("chicago-8", HOME, _EUROPE, "cars", 30_000, 6),
    ("detroit-4", HOME, None, "cars", 30_000, 6),
    ("fresno-2", HOME, _EUROPE, "trucks", 8_000, 4),
    ("munich-17", _EUROPE, None, "cars", 28_000, 5),
    ("oslo-9", _EUROPE, None, "trucks", 12_000, 4),
    ("paris-3", _EUROPE, None, "cars", 16_000, 5),
)


def create_campaigns(session: LocalSession) -> int:
    """Create the table `drives.campaigns`, the buckets of the campaigns and the image of their jobs.

    Args:
        session: Session of the account.

    Returns:
        Number of campaigns.
    """
    s3, glue, ecr = (session.client(name, region_name=HOME) for name in ("s3", "glue", "ecr"))
    s3.create_bucket(Bucket=_BUCKET.format(HOME))
    s3.create_bucket(Bucket=_BUCKET.format(_EUROPE), CreateBucketConfiguration={"LocationConstraint": _EUROPE})
    rows = "".join(f"{json.dumps(_row(*campaign))}\n" for campaign in _CAMPAIGNS)
    s3.put_object(Bucket=_BUCKET.format(HOME), Key="tables/campaigns/campaigns.jsonl", Body=rows.encode())
    glue.create_database(DatabaseInput={"Name": "drives"})
    storage = {
        "Columns": [{"Name": name, "Type": kind} for name, kind in _COLUMNS.items()],
        "Location": f"s3://{_BUCKET.format(HOME)}/tables/campaigns/",
        "SerdeInfo": {"SerializationLibrary": _SERDE},
    }
    glue.create_table(DatabaseName="drives", TableInput={"Name": "campaigns", "StorageDescriptor": storage})
    manifest = json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []})
    repository, tag = _IMAGE
    ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
    return len(_CAMPAIGNS)


def occupy(session: LocalSession) -> None:
    """Submit a job that uses 40 of the 60 instances of the queue in Europe."""
    payload = {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 40}}
    session.client("batch", region_name=_EUROPE).submit_service_job(
        jobName="nightly",
        jobQueue="training-p4",
        serviceJobType="SAGEMAKER_TRAINING",
        quotaShareName="cars",
        serviceRequestPayload=json.dumps(payload),
        tags={"fairlane:run-seconds": "600"},
    )


def _row(name: str, region: str, other: str | None, fleet: str, gigabytes: int, hours: int) -> dict[str, Any]:
    copy = {"copy_region": other, "copy": _place(name, other)} if other else {}
    return {
        "id": name,
        "region": region,
        "data": _place(name, region),
        **copy,
        "fleet": fleet,
        "gigabytes": gigabytes,
        "hours": hours,
    }


def _place(name: str, region: str) -> str:
    return f"s3://{_BUCKET.format(region)}/drives/{name}/"
