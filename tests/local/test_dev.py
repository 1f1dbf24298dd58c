"""`./dev`, the script itself; what it becomes is tested where that lives."""

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from tests.local.running import ROOT


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    """The script, loaded as a module."""
    loader = SourceFileLoader("dev", str(ROOT / "dev"))
    spec = spec_from_loader("dev", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help_names_every_command(
    dev: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without installing anything first."""
    assert dev.main(arguments) == 0
    text = capsys.readouterr().out
    assert all(f"./dev {command}" in text for command in dev.COMMANDS)


def test_an_unknown_command_is_refused_with_a_way_on(dev: ModuleType) -> None:
    """A typing mistake must not install anything either."""
    with pytest.raises(dev.Refusal, match=r"no \./dev ups.*--help"):
        dev.main(["ups"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-dir", "D", "status", "7"],
        ["status", "--data-dir", "D", "7"],
        ["status", "7", "--data-dir", "D"],
        ["status", "7", "--data-dir=D"],
    ],
)
def test_the_data_dir_may_stand_anywhere(dev: ModuleType, arguments: list[str]) -> None:
    """The other arguments keep their order."""
    assert dev.take_data_dir(arguments) == (Path("D"), ["status", "7"])


def test_a_data_dir_without_a_folder_is_refused(dev: ModuleType) -> None:
    """It must not fall back to the default stack."""
    with pytest.raises(dev.Refusal, match="needs a folder"):
        dev.take_data_dir(["status", "7", "--data-dir"])


@pytest.mark.parametrize("command", ["demo", "status"])
def test_esimctl_without_a_stack_says_what_to_start(
    dev: ModuleType, command: str, tmp_path: Path
) -> None:
    """And starts nothing itself."""
    with pytest.raises(dev.Refusal, match=r"Run \./dev up first"):
        dev.esimctl(command, "--data-dir", str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_sandbox_has_a_command_line_of_its_own(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`./dev esimctl sandbox` runs it with the words behind `sandbox`; others reach esimctl."""

    def become(_path: object, argv: list[str], _env: object) -> None:
        raise SystemExit(" ".join(argv[1:]))

    monkeypatch.setattr(dev.os, "execve", become)
    with pytest.raises(SystemExit, match=r"^-m sandbox rule --help$"):
        dev.esimctl("sandbox", "--data-dir", str(tmp_path), "rule", "--help")
    with pytest.raises(SystemExit, match=r"^-m cli status --help$"):
        dev.esimctl("status", "--data-dir", str(tmp_path), "--help")


def test_a_command_to_paste_works_where_the_caller_stands(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside the script it is short; elsewhere it has the script's path; a folder goes with it."""
    monkeypatch.chdir(ROOT)
    assert dev.command_to_paste("esimctl", None) == "./dev esimctl"
    monkeypatch.chdir(tmp_path)
    assert dev.command_to_paste("esimctl", Path("a b")) == (
        f"{ROOT / 'dev'} esimctl --data-dir 'a b'"
    )


def test_the_dev_lock_holds_all_of_the_local_lock(dev: ModuleType) -> None:
    """So `./dev up` after `./dev test` installs nothing."""
    local, everything = (_pins(ROOT / lock) for lock in (dev.LOCAL, dev.DEV))
    assert local
    assert local <= everything


def _pins(lock: Path) -> set[str]:
    lines = lock.read_text().splitlines()
    return {line.removesuffix(" \\") for line in lines if line and not line.startswith((" ", "#"))}


@pytest.mark.parametrize(
    "arguments",
    [["-n", "2"], ["-n0"], ["-p", "no:xdist"], ["tests/test_settings.py::test_x"], ["--pdb"]],
)
def test_the_tests_run_in_as_many_processes_as_one_says(
    dev: ModuleType, arguments: list[str]
) -> None:
    """One test by its name needs no others, and a debugger needs the terminal."""
    assert dev.pytest_arguments(*arguments) == arguments


def test_the_tests_run_in_parallel_and_quick_ones_leave_the_dear_ones_out(dev: ModuleType) -> None:
    """What else is asked for goes to pytest as it is."""
    processes = ["-n", str((os.cpu_count() or 1) + 1)]
    assert dev.pytest_arguments("-x", "tests/db") == [*processes, "-x", "tests/db"]
    dear = ["-m", "not stack and not slow"]
    assert dev.pytest_arguments("--quick", "-x") == [*processes, *dear, "-x"]
