import re
from pathlib import Path

import pytest
from settings import Settings, WrongSettings, read_settings, read_settings_or_exit

from tests_train.support import write_hyperparameters


def test_sagemaker_and_the_command_line_give_equal_settings(tmp_path: Path) -> None:
    given = {"epochs": "3", "batch-size": "16", "learning_rate": "0.5", "precision": "float32", "seed": "7"}
    write_hyperparameters(tmp_path, given)
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]

    from_file = read_settings([f"--root={tmp_path}"], {})
    (tmp_path / "input" / "config" / "hyperparameters.json").unlink()
    from_options = read_settings([f"--root={tmp_path}", *options], {})

    assert from_file == from_options
    assert (from_file.epochs, from_file.batch_size, from_file.learning_rate) == (3, 16, 0.5)
    assert (from_file.precision, from_file.seed) == ("float32", 7)


def test_the_command_line_overrides_sagemaker(tmp_path: Path) -> None:
    write_hyperparameters(tmp_path, {"epochs": "3", "batch-size": "16"})

    settings = read_settings([f"--root={tmp_path}", "--epochs=9"], {})

    assert (settings.epochs, settings.batch_size) == (9, 16)


def test_settings_of_the_sagemaker_sdk_are_ignored(tmp_path: Path) -> None:
    write_hyperparameters(tmp_path, {"precision": '"float16"', "sagemaker_program": '"train.py"'})

    assert read_settings([f"--root={tmp_path}"], {}).precision == "float16"


def test_default_directories_are_those_of_sagemaker() -> None:
    settings = read_settings([], {})

    assert (settings.checkpoints, settings.model) == (Path("/opt/ml/checkpoints"), Path("/opt/ml/model"))
    assert settings.data is None
    assert settings.failure == Path("/opt/ml/output/failure")


def test_a_batch_job_has_its_own_directories(tmp_path: Path) -> None:
    (tmp_path / "rows.pt").touch()

    settings = read_settings([f"--data={tmp_path}", "--checkpoints", "/fsx/run1"], {})

    assert (settings.data, settings.checkpoints) == (tmp_path, Path("/fsx/run1"))


def test_a_run_of_a_sweep_has_the_parameters_and_the_directories_of_its_point(tmp_path: Path) -> None:
    write_hyperparameters(tmp_path, {"epochs": "3", "fairlane-sweep": "{}", "learning_rate": "0.1"})
    point = {"FAIRLANE_SWEEP_POINT": "lr/17", "LEARNING_RATE": "0.5", "MODEL": "resnet"}

    settings = read_settings(
        [f"--root={tmp_path}", "--learning-rate=0.2", "--checkpoints=/fsx"], point | {"AWS_BATCH_JOB_ARRAY_INDEX": "3"}
    )

    assert (settings.epochs, settings.learning_rate, settings.seed) == (3, 0.5, 0)
    assert (settings.checkpoints, settings.model) == (Path("/fsx/lr/17"), tmp_path / "model" / "lr" / "17")


def test_environment_variables_are_no_settings_outside_of_a_sweep() -> None:
    assert read_settings([], {"LEARNING_RATE": "0.5"}).learning_rate == Settings().learning_rate


def test_children_of_an_array_job_do_not_share_seed_or_checkpoints(tmp_path: Path) -> None:
    options = [f"--root={tmp_path}", "--seed=10", "--checkpoints=/fsx/run1"]

    settings = read_settings(options, {"AWS_BATCH_JOB_ARRAY_INDEX": "3"})

    assert settings.seed == 13
    assert settings.checkpoints == Path("/fsx/run1/child-3")
    assert settings.model == tmp_path / "model" / "child-3"


def test_all_wrong_settings_are_named(tmp_path: Path) -> None:
    write_hyperparameters(tmp_path, {"epochs": "0", "lerning-rate": "0.1", "dropout": "1"})
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    options = ["--batch-size=1.5", "--learning-rate", "nan", "--precision=int8", "--epoch=3"]

    with pytest.raises(WrongSettings) as raised:
        read_settings([f"--root={tmp_path}", *options], {})

    assert str(raised.value).splitlines() == [
        "8 wrong settings",
        "  - command line: got '--epoch=3', allowed: the options of --help",
        "  - epochs: got '0', allowed: a whole number, 1 or more",
        f"  - lerning_rate: got '0.1', allowed: one of the settings {', '.join(vars(Settings()))}",
        "  - dropout: got '1', allowed: a number from 0, below 1",
        "  - batch_size: got '1.5', allowed: a whole number, 1 or more, for each process",
        "  - learning_rate: got 'nan', allowed: a number above 0",
        "  - precision: got 'int8', allowed: one of auto, bfloat16, float16, float32",
        "  - channel: got 'training', allowed: one of train",
    ]


@pytest.mark.parametrize("text", ["[]x", "[1]", '"word"'])
def test_a_file_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    write_hyperparameters(tmp_path, {})
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(text)

    with pytest.raises(WrongSettings, match=re.escape("hyperparameters.json: ")):
        read_settings([f"--root={tmp_path}"], {})


def test_an_option_without_a_value_is_named() -> None:
    with pytest.raises(WrongSettings, match="--epochs: expected one argument"):
        read_settings(["--epochs"], {})


def test_a_data_folder_without_data_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"data: got .*, allowed: a folder with \*.pt files"):
        read_settings([f"--data={tmp_path}"], {})


def test_sagemaker_gets_the_failure_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings_or_exit([f"--root={tmp_path}", "--epochs=none"])

    failure = (tmp_path / "output" / "failure").read_text()
    assert ended.value.code == 2
    assert failure == "1 wrong settings\n  - epochs: got 'none', allowed: a whole number, 1 or more"
    assert capsys.readouterr().err == failure + "\n"
