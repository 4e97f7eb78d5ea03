"""Who takes part: how to start each receiver and each server."""

from typing import Final

from benchmarks.node import script
from benchmarks.processes import module

__all__ = ["RECEIVERS", "SERVERS"]


RECEIVERS: Final = {
    "ours": module("benchmarks.engine.receivers.ours"),
    "locust_contrib": module("benchmarks.engine.receivers.locust_contrib"),
    "node": script("receiver.mjs"),
    "python_socketio": module("benchmarks.engine.receivers.python_socketio"),
}
"""Each is started with the server's URL and the room to subscribe to."""

SERVERS: Final = {
    "ours": module("benchmarks.engine.servers.ours"),
    "node": script("server.mjs"),
    "python_socketio": module("benchmarks.engine.servers.python_socketio"),
}
