"""Configuration of kubectl for an EKS cluster of a local AWS."""

from io import StringIO
from pathlib import Path
from typing import Final

from moto.utilities.utils import get_partition
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.access import ClusterLocation, endpoint
from fairlane_local.server.background import control
from fairlane_local.server.credentials import get_credentials

_CONTEXT: Final = "fairlane-local"
"""Start of the name of each context."""
_WIDTH: Final = 4096  # a URL stays on its line


def find_cluster(port: int, name: str | None) -> ClusterLocation:
    """Return an EKS cluster of the local AWS on a port.

    Args:
        port: Port that the local AWS listens on.
        name: Name or ARN of the cluster. None for the only cluster.

    Raises:
        LocalAwsError: If no local AWS runs on the port, or if it has no such cluster or several.
    """
    locations = [ClusterLocation(*item) for item in control(port, "clusters")["clusters"]]
    if not locations:
        raise LocalAwsError(f"the local AWS on port {port} has no EKS cluster: deploy one, or create one with aws eks")
    found = [item for item in locations if name in (None, item.name, _arn(item))]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "\n".join(f"  {_arn(item)}" for item in found)
        raise LocalAwsError(f"the local AWS has several such EKS clusters; name one of:\n{listed}")
    listed = ", ".join(sorted({item.name for item in locations}))
    raise LocalAwsError(f"the local AWS has no EKS cluster {name}; its clusters: {listed}")


def kubeconfig(port: int, location: ClusterLocation) -> str:
    """Return the configuration of kubectl for a cluster as YAML. It contains a key, which the next start replaces."""
    name = f"{_CONTEXT}/{location.name}"
    server = endpoint(port, get_credentials(port).token, location)
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {}}],
    }
    yaml, text = YAML(), StringIO()
    yaml.width = _WIDTH
    yaml.dump(configuration, text)
    return text.getvalue()


def _arn(location: ClusterLocation) -> str:
    return f"arn:{get_partition(location.region)}:eks:{location.region}:{location.account_id}:cluster/{location.name}"


def write_kubeconfig(configuration: str, path: Path) -> None:
    """Write a configuration to a file that only this user can read, unless the file is somebody else's.

    Raises:
        LocalAwsError: If the file is not an earlier configuration of a local AWS, or if it cannot be written.
    """
    try:
        if path.exists() and not _is_own(path):
            raise LocalAwsError(f"{path} is not a configuration of a local AWS: choose another file")
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(configuration)
    except OSError as error:
        raise LocalAwsError(f"{path} cannot be written: {error.strerror}") from None


def _is_own(path: Path) -> bool:
    try:
        found = YAML(typ="safe", pure=True).load(path.read_text())
    except (UnicodeDecodeError, YAMLError):
        return False
    match found:
        case {"contexts": [{"name": str(name)}]}:
            return name.startswith(f"{_CONTEXT}/")
    return False
