"""Backups of a test's database, made and restored with Postgres' own tools."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from local.postgres_binaries import find_binaries


class Backup:
    """Of the test's database, by Postgres' own tools."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._url = make_url(database_url)
        self._file = folder / "esim.dump"
        self.taken_at = datetime.now(UTC)

    async def take(self) -> None:
        """`pg_dump`, while the service goes on."""
        self.taken_at = datetime.now(UTC)
        await self._run("pg_dump", "--format=custom", f"--file={self._file}", self._address())

    async def restore(self) -> None:
        """Into a new database of the same name, as after the loss of the newer data."""
        name, at = str(self._url.database), self._address("postgres")
        await self._run("dropdb", "--force", f"--maintenance-db={at}", name)
        await self._run("createdb", f"--maintenance-db={at}", name)
        dump = str(self._file)
        await self._run("pg_restore", "--exit-on-error", f"--dbname={self._address()}", dump)

    def _address(self, database: str | None = None) -> str:
        url = self._url.set(drivername="postgresql", database=database or self._url.database)
        return url.render_as_string(hide_password=False)

    async def _run(self, tool: str, *arguments: str) -> None:
        program = find_binaries(for_another_user=False) / tool
        process = await asyncio.create_subprocess_exec(str(program), *arguments)
        assert await process.wait() == 0
