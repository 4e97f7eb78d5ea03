"""A small ChatEngine: it takes webhooks, remembers them, and fails when told to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.serving import serving
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Receiver", "receiving"]


class Receiver:
    """`bodies` in the order of arrival; `answers` are the statuses of the next webhooks."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.slow_s = 0.0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        await asyncio.sleep(self.slow_s)
        return web.json_response({}, status=self.answers.pop(0) if self.answers else 200)

    async def arrived(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` webhooks are there; returns all of them."""
        await until(lambda: len(self.bodies) >= count)
        return self.bodies

    @property
    def statuses(self) -> list[str]:
        """What arrived, in short: the acknowledgements, and `echo` for each own message."""
        return [
            "echo" if body["event"] == "messages.upsert" else body["data"]["status"]
            for body in self.bodies
        ]


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """Serve a `Receiver` within the block."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    async with serving(app, "127.0.0.1", port) as bound:
        receiver.url = f"http://127.0.0.1:{bound}/hook"
        yield receiver
