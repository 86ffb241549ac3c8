import os
from pathlib import Path
from typing import Any

import pytest

from fairlane_run.elastic import CheckpointFolder, ElasticError

CHANGES = ("fsync", "mkdir", "open", "rename", "replace", "rmdir", "unlink")
"""Functions of os with which a save changes files."""


class Killed(BaseException):
    """End of the process."""


def save(folder: CheckpointFolder, step: int) -> None:
    path = folder.begin(step)
    for part in ("a", "b"):
        Path(path, part).write_text(f"{part} after {step} steps")
    folder.commit(step)


def check(checkpoint: Path) -> int:
    """Return the step of a checkpoint, after a look into its files."""
    step = int(checkpoint.name[-10:])
    for part in ("a", "b"):
        assert (checkpoint / part).read_text() == f"{part} after {step} steps"
    return step


def whole(path: Path) -> int:
    """Return the step of the latest checkpoint, after a look into its files."""
    latest = CheckpointFolder(path).latest()
    assert latest is not None
    return check(Path(latest))


def kill_at(patch: pytest.MonkeyPatch, change: int) -> None:
    """Kill the process before a change, counted from 1."""
    done = 0

    def counted(name: str) -> Any:
        call = getattr(os, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == change:
                raise Killed
            return call(*arguments, **options)

        return counting

    for name in CHANGES:
        patch.setattr(os, name, counted(name))


def test_a_kill_at_any_moment_of_a_save_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = set()
    for change in range(1, 1000):
        path = tmp_path / str(change)
        folder = CheckpointFolder(path)
        save(folder, 10)
        save(folder, 20)
        try:
            with monkeypatch.context() as patch:
                kill_at(patch, change)
                save(folder, 30)
            break
        except Killed:
            latest.add(whole(path))
        for step in folder.steps():  # also those that are not the latest
            check(path / f"step-{step:010}")
        if whole(path) == 20:
            save(folder, 25)  # the next attempt sees the event earlier
            assert whole(path) == 25
            assert {entry.name for entry in path.iterdir()} == {"latest", "step-0000000025", "step-0000000020"}
        save(folder, 30)
        assert whole(path) == 30

    assert change > 15
    assert latest == {20, 30}


def test_a_kill_while_the_latest_step_is_saved_again_leaves_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for change in range(1, 1000):
        path = tmp_path / str(change)
        folder = CheckpointFolder(path, keep=1)
        save(folder, 10)
        try:
            with monkeypatch.context() as patch:
                kill_at(patch, change)
                save(folder, 10)
            break
        except Killed:
            assert whole(path) == 10

    assert change > 5
    assert {entry.name for entry in path.iterdir()} == {"latest", "step-0000000010"}


def test_a_kill_while_an_abandoned_checkpoint_is_deleted_leaves_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for change in range(1, 1000):
        path = tmp_path / str(change)
        folder = CheckpointFolder(path)
        save(folder, 20)
        save(folder, 30)
        (path / "latest").write_text("step-0000000020")  # killed before step 30 became the latest one
        try:
            with monkeypatch.context() as patch:
                kill_at(patch, change)
                save(folder, 25)
            break
        except Killed:
            save(folder, 35)
            assert [check(path / f"step-{step:010}") for step in folder.steps()] == folder.steps()

    assert change > 15


def test_a_killed_job_that_goes_on_writing_does_not_touch_the_checkpoint_of_the_next_one(tmp_path: Path) -> None:
    old, new = CheckpointFolder(tmp_path), CheckpointFolder(tmp_path)
    late = Path(old.begin(20))
    save(new, 20)
    begun = new.begin(30)

    with pytest.raises(FileNotFoundError):
        (late / "a").write_text("late")
    late.mkdir()
    (late / "a").write_text("late")
    old.commit(20)

    assert whole(tmp_path) == 20
    for part in ("a", "b"):
        Path(begun, part).write_text(f"{part} after 30 steps")
    new.commit(30)
    assert whole(tmp_path) == 30


def test_a_checkpoint_of_fewer_steps_does_not_replace_the_latest_one(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, 30)

    with pytest.raises(ElasticError, match=r"step 20: .*step-0000000030 has more steps; load it first"):
        save(folder, 20)

    assert whole(tmp_path) == 30


def test_files_are_on_the_disk_before_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[str] = []
    opened: dict[int, str] = {}
    open_ = os.open

    def tracked_open(path: str, *arguments: Any, **options: Any) -> int:
        number = open_(path, *arguments, **options)
        opened[number] = Path(path).name
        return number

    def tracked(name: str) -> Any:
        call = getattr(os, name)

        def tracking(*arguments: Any) -> Any:
            changes.append(opened[arguments[0]] if name == "fsync" else name)
            return call(*arguments)

        return tracking

    monkeypatch.setattr(os, "open", tracked_open)
    for name in ("fsync", "rename", "replace"):
        monkeypatch.setattr(os, name, tracked(name))
    save(CheckpointFolder(tmp_path / "all"), 1)

    assert sorted(changes[:3]) == ["a", "b", "latest"]
    assert changes[3].startswith("partial-0000000001-")
    assert changes[4:] == ["rename", "all", "replace", "all"]


def test_a_commit_without_a_begin_is_refused(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path).begin(10)

    with pytest.raises(ElasticError, match="call begin of the same CheckpointFolder first"):
        CheckpointFolder(tmp_path).commit(10)


def test_the_newest_checkpoints_remain(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=3)
    for step in (10, 20, 30, 40):
        save(folder, step)

    assert folder.steps() == [20, 30, 40]


def test_a_folder_without_a_checkpoint_has_no_latest(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "absent")

    assert folder.latest() is None
    assert folder.steps() == []


def test_at_least_one_checkpoint_remains(tmp_path: Path) -> None:
    with pytest.raises(ElasticError, match="keep: got 0, allowed: 1 or more"):
        CheckpointFolder(tmp_path, keep=0)
