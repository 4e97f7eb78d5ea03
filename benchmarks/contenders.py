"""Who takes part: how to start each receiver and each server, and how the peers are installed."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.processes import CouldNotRun

__all__ = ["RECEIVERS", "SERVERS", "install_peers"]

_PEERS: Final = Path(__file__).parent / "peers"
_INSTALL_S: Final = 180.0


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}"]


def _node(script: str) -> list[str]:
    return ["node", str(_PEERS / script)]


RECEIVERS: Final = {
    "ours": _python("receivers.ours"),
    "locust_contrib": _python("receivers.locust_contrib"),
    "node": _node("receiver.mjs"),
    "python_socketio": _python("receivers.python_socketio"),
}
"""Each is started with the server's URL and the room to subscribe to."""

SERVERS: Final = {
    "ours": _python("servers.ours"),
    "node": _node("server.mjs"),
    "python_socketio": _python("servers.python_socketio"),
}


def install_peers() -> None:
    """Install Node's peers as their lock file says; raises `CouldNotRun`.

    The Python ones are dependencies of ours, Locust and python-socketio.
    """
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
