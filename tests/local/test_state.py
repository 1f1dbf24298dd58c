"""The data folder of a stack."""

from pathlib import Path

import pytest

from local.process import StackFault
from local.state import DataFolder


def test_fresh_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    """Nothing is deleted, ours neither."""
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.write("ports.json", {})
    (tmp_path / "thesis.odt").touch()
    with pytest.raises(StackFault, match=r"thesis\.odt"):
        folder.clear()
    assert (tmp_path / "ports.json").exists()
    folder.release()


def test_fresh_refuses_a_stranger_with_familiar_names(tmp_path: Path) -> None:
    """A folder `logs` alone does not make it ours."""
    (tmp_path / "logs").mkdir()
    folder = DataFolder(tmp_path)
    folder.claim()
    with pytest.raises(StackFault, match="logs"):
        folder.clear()
    folder.release()
    assert (tmp_path / "logs").exists()


def test_fresh_deletes_what_the_stack_keeps(tmp_path: Path) -> None:
    """Only the lock stays, since we hold it."""
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.write("ports.json", {"api": 8000})
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    folder.clear()
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
    folder.release()


@pytest.mark.parametrize("name", ["environment.json", "stack.json"])
def test_files_with_secrets_are_for_their_owner_alone(tmp_path: Path, name: str) -> None:
    """They hold the JWT secret and the database's password."""
    folder = DataFolder(tmp_path)
    folder.write(name, {"JWT_SECRET": "x"})
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert folder.read(name) == {"JWT_SECRET": "x"}


def test_the_holder_of_a_folder_is_known_until_it_lets_go(tmp_path: Path) -> None:
    """`./dev down` and `./dev esimctl` ask this; a stale pid means nothing."""
    folder, visitor = DataFolder(tmp_path), DataFolder(tmp_path)
    assert visitor.supervisor() is None
    folder.claim()
    assert visitor.supervisor()
    folder.release()
    assert visitor.supervisor() is None
