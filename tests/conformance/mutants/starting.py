"""`python starting.py SIDE`: starts every mutant of a side, one after the other, and says which do.

Each is a fork of this process, in which all modules are loaded: a start takes milliseconds. One
line of JSON for each: its name, and what it answered to `hello`, or said when it was ready.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys

from conformance.mutants import client, server
from conformance.mutants.program import run_as

_WITHIN_S = 20.0
_HELLO = b'{"id": 1, "verb": "hello", "protocol": 1}\n{"id": 2, "verb": "exit"}\n'
_SETTINGS = {
    "CHATENGINE_JWT_SECRET": "a secret of this test alone",
    "INSTANCES": '{"sales-1": {"workspaceId": "w-1", "whatsappNumberId": "n-1"}}',
    "HOST": "127.0.0.1",
    "PORT": "0",
}


def started(side: str, name: str) -> str:
    """Return the first line that a mutant writes; an empty one where it writes none in time."""
    of = client if side == "client" else server
    questions, asked = os.pipe()
    answers, answered = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(questions, 0)
        os.dup2(answered, 1)
        for end in (questions, asked, answers, answered):
            os.close(end)
        os._exit(_ran(of.MUTANTS, of.PROGRAM, name))
    os.close(questions)
    os.close(answered)
    if side == "client":
        os.write(asked, _HELLO)
    line = _line(answers)
    os.close(asked)
    os.close(answers)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    return line


def _ran(mutants: dict[str, object], program: str, name: str) -> int:
    try:
        return run_as(mutants, program, [name])  # type: ignore[arg-type]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _line(answers: int) -> str:
    read = b""
    while not read.endswith(b"\n"):
        ready, _, _ = select.select([answers], [], [], _WITHIN_S)
        chunk = os.read(answers, 65_536) if ready else b""
        if not chunk:
            return ""
        read += chunk
    return read.decode()


def main() -> None:
    """Start all of a side."""
    side = sys.argv[1]
    os.environ.update(_SETTINGS)
    for name in (client if side == "client" else server).MUTANTS:
        print(json.dumps({"name": name, "said": started(side, name)}), flush=True)


if __name__ == "__main__":
    main()
