"""`./dev`, the script itself; what it becomes is tested where that lives."""

import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from local.state import DataFolder
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
    with pytest.raises(SystemExit, match=r"^-P -m sandbox rule --help$"):
        dev.esimctl("sandbox", "--data-dir", str(tmp_path), "rule", "--help")
    with pytest.raises(SystemExit, match=r"^-P -m cli status --help$"):
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


def test_a_command_takes_nothing_from_the_callers_folder(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A json.py in the folder that it is called from is not Python's own."""

    def become(_path: object, argv: list[str], env: dict[str, str]) -> None:
        program = [sys.executable, *argv[1:]]
        ended = subprocess.run(program, env=env, capture_output=True, text=True, check=False)
        raise SystemExit(ended.stdout + ended.stderr)

    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dev.os, "execve", become)
    with pytest.raises(SystemExit, match="Operate eSIM activation"):
        dev.esimctl("--data-dir", str(tmp_path), "--help")


def test_esimctl_is_a_program(dev: ModuleType, tmp_path: Path) -> None:
    """It needs no PYTHONPATH, takes nothing from the caller's folder, and ends as `-m cli`."""
    dev.write_programs(tmp_path, ROOT, Path(sys.executable))
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    for arguments, code, says in ((["--help"], 0, "Operate"), (["nothing"], 2, "No such command")):
        ended = subprocess.run(
            [tmp_path / "esimctl", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, says in ended.stdout + ended.stderr) == (code, True)


def test_temporals_command_line_asks_the_running_stack(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever other server the caller's variables name; without a stack it says what to start."""

    def become(path: Path, argv: list[str], env: dict[str, str]) -> None:
        theirs = {name: value for name, value in env.items() if name.startswith("TEMPORAL")}
        raise SystemExit(f"{path.name} {argv[1:]} {theirs}")

    monkeypatch.setattr(dev.os, "execve", become)
    monkeypatch.setenv("TEMPORAL_API_KEY", "of-production")
    with pytest.raises(dev.Refusal, match=r"Run \./dev up first"):
        dev.temporal("workflow", "list", "--data-dir", str(tmp_path))
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.write("stack.json", {"temporal_address": "here:1", "temporal_namespace": "ours"})
    said = (
        "temporal ['workflow', 'list'] {'TEMPORAL_ADDRESS': 'here:1', 'TEMPORAL_NAMESPACE': 'ours'}"
    )
    with pytest.raises(SystemExit, match=re.escape(said)):
        dev.temporal("workflow", "--data-dir", str(tmp_path), "list")


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
