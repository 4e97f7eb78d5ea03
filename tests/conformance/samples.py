"""Small suites of checks, run as pytest runs the real ones: in a process of their own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jsonschema
from msgspec import Struct

__all__ = ["Ran", "Suite"]

ROOT: Final = Path(__file__).parents[2]
SCHEMA: Final = json.loads((ROOT / "conformance" / "results.schema.json").read_bytes())

_DEADLINE_S: Final = 60.0
_HEAD: Final = """
import os, signal
import pytest
from conformance.checks import shows
from conformance.outcomes import CouldNotRun, Nonconforming, NotApplicable, TargetGone
"""


class Ran(Struct, frozen=True):
    """What a run left behind; `results` is the JSON, which the schema has seen."""

    code: int
    out: str
    results: dict[str, Any]
    page: str

    def outcomes(self) -> dict[str, str]:
        """The requirements' outcomes by id."""
        return {name: one["outcome"] for name, one in self.results["requirements"].items()}

    @property
    def sentence(self) -> str:
        """The run in one sentence."""
        return str(self.results["summary"]["sentence"])


class Suite:
    """A folder with checks of its own and the suites' configuration, in one process unless told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        suites = ROOT / "conformance"
        configuration = (suites / "pytest.ini").read_text()
        for line in ("every_requirement = true\n", "  -n auto --maxprocesses=8"):
            assert line in configuration
            configuration = configuration.replace(line, "")
        (folder / "pytest.ini").write_text(configuration)
        (folder / "conftest.py").write_text((suites / "conftest.py").read_text())

    def write(self, checks: str, name: str = "test_sample.py") -> None:
        """Write a module of checks."""
        (self.folder / name).write_text(_HEAD + checks)

    def demand_all(self) -> None:
        """Let the suite be held to the whole contract, as the real ones are."""
        with (self.folder / "pytest.ini").open("a") as file:
            file.write("every_requirement = true\n")

    async def run(self, *options: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run the suite to its end."""
        async with self.running(*options, env=env) as process:
            return await self.ended(process)

    @asynccontextmanager
    async def running(
        self, *options: str, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the suite within the block; what still runs at its end is killed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", str(self.folder), *options),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(env or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def ended(self, process: asyncio.subprocess.Process) -> Ran:
        """Wait for a run's end; what it wrote has to be valid, where it wrote something."""
        out, _ = await asyncio.wait_for(process.communicate(), _DEADLINE_S)
        folder = self.folder / "out" / "conformance"
        results, page = folder / "results.json", folder / "report.html"
        found = json.loads(results.read_bytes()) if results.exists() else {}
        if found:
            jsonschema.validate(found, SCHEMA)
        assert process.returncode is not None
        return Ran(
            process.returncode, out.decode(), found, page.read_text() if page.exists() else ""
        )
