"""Polling at what says no."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from msgspec.structs import replace

from chatengine.client import ChatEngineConfig, ClientConfig, CrmClient, TokenConfig
from fakes.serving import serving
from tests.chatengine.client.e2e.world import QUICK
from tests.waiting import until


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_what_refuses_is_not_polled_at_the_usual_pace(status: int) -> None:
    """A refusal is followed by a second at least, and says why (C-CONN-6, C-FBK-7)."""
    asked_s: list[float] = []

    async def refuse(request: web.Request) -> web.Response:
        if request.path.startswith("/api/chat"):
            asked_s.append(asyncio.get_running_loop().time())
        return web.json_response({"error": "not you"}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    async with serving(app, "127.0.0.1", 0) as port:
        config = ClientConfig(
            chatengine=ChatEngineConfig(url=f"http://127.0.0.1:{port}"),
            token=TokenConfig(secret="whatever"),
            workspace_id="w-1",
            user_id="agent-1",
            timing=replace(QUICK, poll_interval_ms=20),
        )
        async with CrmClient(config) as client:
            await until(lambda: len(asked_s) == 3, within_s=20)
            assert str(status) in (client.connection.last_error or "")
    first, second, third = asked_s
    assert second - first >= 1
    assert third - second >= 2
