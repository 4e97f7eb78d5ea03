"""`python -m tests.suites engineio|socketio`: the fake's layers under the protocols' own suites.

The suites expect an echo (Engine.IO) or a few handlers (Socket.IO) behind the protocol. That is all
that is added here: what they test is what the fake ChatEngine runs on.
"""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web

from fakes.chatengine.engineio.outbound import message
from fakes.chatengine.engineio.server import EngineServer
from fakes.chatengine.engineio.settings import EngineSettings
from fakes.chatengine.realtime import RealtimeSettings, create_realtime
from fakes.serving import serving


def engineio(app: web.Application, options: argparse.Namespace) -> None:
    """Echo every message, text or binary."""
    server = EngineServer(
        settings=EngineSettings(
            path="/engine.io",
            ping_interval_ms=options.ping_interval,
            ping_timeout_ms=options.ping_timeout,
            max_payload=options.max_payload,
        )
    )

    def echo(sid: str, data: str | bytes) -> None:
        server.sessions[sid].send(message(data))

    def ignore(*_: object) -> None:
        pass

    server.on("connect", ignore)
    server.on("message", echo)
    server.on("disconnect", ignore)
    server.attach(app)

    async def shutdown(_: web.Application) -> None:
        await server.shutdown()

    app.on_shutdown.append(shutdown)


def socketio(app: web.Application, options: argparse.Namespace) -> None:
    """Send back what CONNECT carried, what `message` brought, and the arguments of an ack."""
    server = create_realtime(
        app,
        RealtimeSettings(
            path="/socket.io",
            ping_interval_ms=options.ping_interval,
            ping_timeout_ms=options.ping_timeout,
            max_payload=options.max_payload,
            connect_timeout_ms=options.connect_timeout,
        ),
    )

    async def message_back(sid: str, *arguments: Any) -> None:
        await server.emit("message-back", arguments, room=sid)

    async def acknowledge(sid: str, *arguments: Any) -> tuple[Any, ...]:
        return arguments

    for namespace in ("/", "/custom"):
        server.on("connect", _greet(server, namespace), namespace=namespace)
    server.on("message", message_back)
    server.on("message-with-ack", acknowledge)


def _greet(server: Any, namespace: str) -> Callable[..., Any]:
    async def greet(sid: str, _environ: Any, auth: Any) -> None:
        await server.emit("auth", auth or {}, room=sid, namespace=namespace)

    return greet


async def serve(options: argparse.Namespace) -> None:
    """Serve as the fakes are served, on `localhost`, which the suites look up."""
    app = web.Application()
    {"engineio": engineio, "socketio": socketio}[options.protocol](app, options)
    async with serving(app, "localhost", options.port) as port:
        print(f"listening {port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read the options and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites", description=__doc__)
    parser.add_argument("protocol", choices=["engineio", "socketio"])
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--ping-interval", type=int, default=300, help="milliseconds")
    parser.add_argument("--ping-timeout", type=int, default=200, help="milliseconds")
    parser.add_argument("--max-payload", type=int, default=1_000_000, help="bytes")
    parser.add_argument("--connect-timeout", type=int, default=1000, help="milliseconds")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
