"""The official client of Node, `@supabase/supabase-js`: vsn 2.0.0, unmodified."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.supabase.world import World
    from tests.node_peers import RunNode


async def test_the_fallback_on_supabase_js(world: World, node: RunNode) -> None:
    """Subscribes, receives, filters, survives every loss, expires, and leaves nothing behind."""
    door = world.supabase.control
    seen = await node(
        "supabase.mjs",
        world.supabase.url,
        world.supabase.anon_keys["w-1"],
        world.token(),
        door.url,
        str(door.token),
    )
    assert seen == {
        "changes": ["INSERT one", "UPDATE two"],
        "shape": ["commit_timestamp", "errors", "eventType", "new", "old", "schema", "table"],
        "old": [[], ["id"]],
        "errors": [None, None],
        "lost": [["CHANNEL_ERROR", "SUBSCRIBED"]] * 4,
        "roles": ["authenticated"],
        "expired": "Token has expired 0 seconds ago",
        "afterExpiry": [],
        "bad": [["SUBSCRIBED"], "error"],
        "mismatch": "mismatch between server and client bindings for postgres changes",
        "refused": [["CHANNEL_ERROR", "SUBSCRIBED"], ["Test: no"]],
        "heard": [{"to": "Olá 👋"}],
        "heartbeat": "SUBSCRIBED",
        "left": [],
    }
