"""Adapters for tests: small programs that keep the protocol, or do not."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from conformance.targets.adapter import Adapter

__all__ = ["HELLO", "SNAPSHOT", "adapter", "program"]

HELLO: Final = {
    "name": "a test's",
    "version": "1",
    "language": "python",
    "capabilities": ["websocket", "send"],
    "timing": {"pollIntervalMs": 7000},
}
SNAPSHOT: Final = {
    "connection": {
        "isEnabled": True,
        "isConnected": True,
        "source": "websocket",
        "state": "connected",
    },
    "conversations": [],
    "messages": {},
    "counters": {"received": 0, "duplicates": 0, "malformed": 0, "reconnects": 0},
    "a field of the future": 1,
}

_BEGINNING: Final = f"""
import json, os, subprocess, sys, time

RESULTS = {{"hello": {HELLO!r}, "snapshot": {SNAPSHOT!r}}}

def read():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit(0)

def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()

def log(text):
    sys.stderr.write(text)
    sys.stderr.flush()

def answer(request, result=None):
    result = RESULTS.get(request["verb"], {{}}) if result is None else result
    say(json.dumps({{"id": request["id"], "ok": True, "result": result}}) + "\\n")
    if request["verb"] == "exit":
        sys.exit(0)

def refuse(request, code, message, **more):
    error = {{"code": code, "message": message}} | more
    say(json.dumps({{"id": request["id"], "ok": False, "error": error}}) + "\\n")

"""

_END: Final = "\nwhile True:\n    answer(read())\n"


def program(body: str = "") -> tuple[str, ...]:
    """The command of an adapter that does `body` first, and then answers everything."""
    return sys.executable, "-S", "-c", _BEGINNING + body + _END


@asynccontextmanager
async def adapter(body: str = "") -> AsyncIterator[Adapter]:
    """Run such an adapter within the block."""
    running = await Adapter.start(program(body))
    try:
        yield running
    finally:
        await running.close()
