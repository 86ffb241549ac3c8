"""Environment whose fan-out has array jobs of containers in two Regions."""

from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = "123456789012"
HOME: Final = "us-east-1"
WEST: Final = "us-west-2"
STORE_BUCKET: Final = "arrays-of-campaigns"
REQUEST: Final = {"jobDefinition": "drive", "metric": "length", "direction": "maximize"}
"""Template of the lines for containers."""


def containers(region: str) -> dict[str, Any]:
    """Return the keys of a Region with a queue `gpu`, and a job definition `drive` for it."""
    return {
        "network": {"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0123456789abcdef0"]},
        "compute_environments": {
            "g5": {
                "instance_types": ["g5.xlarge"],
                "max_gpus": 8,
                "security_group_ids": ["sg-0123456789abcdef0"],
            }
        },
        "queues": {"gpu": {"compute_environments": ["g5"], "scheduling": {"policy": "fifo"}}},
        "job_definitions": {
            "drive": {
                "image": f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/training/pytorch:1",
                "command": ["python3", "drive.py"],
                "instance_type": "g5.xlarge",
                "gpus": 1,
                "queues": ["gpu"],
            }
        },
    }


def settings(template: Path, **store: Any) -> dict[str, Any]:
    """Return the environment.

    Args:
        template: Path of the file with the template.
        store: Further keys of the sweep store.
    """
    return {
        "region": HOME,
        "account": ACCOUNT,
        **containers(HOME),
        "sweeps": {"arrays": {"bucket_name": STORE_BUCKET, **store}},
        "fan_outs": {
            "campaigns": {
                "queues": {HOME: "gpu", WEST: "gpu"},
                "template": str(template),
                "job_definitions": ["drive"],
                "store": "arrays",
            }
        },
        "regions": {WEST: containers(WEST)},
    }
