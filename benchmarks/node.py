"""The peers that run on Node.js: their scripts, and their installation."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.processes import CouldNotRun

__all__ = ["install_peers", "script"]

_PEERS: Final = Path(__file__).parent / "peers"
_INSTALL_S: Final = 180.0


def script(name: str) -> list[str]:
    """The command that runs a script of `peers/`."""
    return ["node", str(_PEERS / name)]


def install_peers() -> None:
    """Install Node's peers as their lock file says; raises `CouldNotRun`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CouldNotRun(f"{program} is not on the PATH, and the peers need Node.js")
    installed = _PEERS / "node_modules" / ".package-lock.json"
    wanted = _PEERS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    try:
        subprocess.run(command, cwd=_PEERS, check=True, capture_output=True, timeout=_INSTALL_S)
    except subprocess.TimeoutExpired:
        raise CouldNotRun(f"npm ci in {_PEERS} took longer than {_INSTALL_S:g} s") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise CouldNotRun(f"npm ci in {_PEERS} failed: {lines[0]}") from None
    installed.touch()
