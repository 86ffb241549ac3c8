"""Sessions of the client."""

from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane_client.locations import open_session


@pytest.fixture(autouse=True)
def no_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def test_the_region_is_read_as_by_other_tools_of_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n")
    regions = [open_session("sweeps").client("ssm").meta.region_name]
    for name, region in (("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", "us-west-2"), ("AWS_REGION", "")):
        monkeypatch.setenv(name, region)
        regions.append(open_session("sweeps").client("ssm").meta.region_name)
    assert regions == ["eu-north-1", "eu-west-1", "us-west-2", "eu-west-1"]


@pytest.mark.parametrize("command", ["fanout status drives", "sweep top search resnet-lr"])
def test_a_command_without_a_region_names_the_variable(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 1
    sentence = "no Region: set AWS_REGION, for example AWS_REGION=us-east-1"
    assert capsys.readouterr().err == f"fairlane: {sentence}\n"
