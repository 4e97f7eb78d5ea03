"""The whole contract once, by Node's official socket.io-client, on each of its transports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fakes.chatengine.world import World
    from tests.node_peers import RunNode


@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
async def test_a_crm_on_the_official_client(world: World, node: RunNode, transports: str) -> None:
    """Refused with a bad token; with a good one it subscribes, receives, sends and is told off."""
    seen = await node("crm.mjs", world.url, transports, world.token(), world.token(exp=1))
    assert seen == {
        "refused": {"code": "unauthorized"},
        "subscribed": {"ok": True},
        "webhook": 200,
        "entered": ["evo-A1", "Olá! 👋", "Olá! 👋"],
        "sent": ["c-1", "sent", True],
        "failed": "markAsRead",
        "connected": True,
    }
