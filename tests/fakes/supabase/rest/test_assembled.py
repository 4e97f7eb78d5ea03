"""REST within the whole fake: Realtime hears of its writes, and the control steers its faults."""

from __future__ import annotations

import pytest

from fakes.control import ControlError
from tests.fakes.supabase.world import World, binding, message, running


async def called(world: World, method: str, query: str = "", body: object = None) -> int:
    url = f"{world.supabase.url}/rest/v1/messages{query}"
    headers = {"apikey": world.supabase.anon_keys["w-1"]}
    async with world.session.request(method, url, json=body, headers=headers) as response:
        return response.status


async def test_realtime_tells_of_what_rest_writes() -> None:
    """An insert, an update and a delete over REST arrive as changes on a channel."""
    async with running() as world:
        phoenix = await world.connect()
        await phoenix.subscribe(binding("*"))
        assert await called(world, "POST", body=message(body="one")) == 201
        inserted = await phoenix.change()
        assert (inserted["type"], inserted["record"]["body"]) == ("INSERT", "one")
        assert await called(world, "PATCH", "?body=eq.one", {"status": "read"}) == 204
        updated = await phoenix.change()
        assert (updated["type"], updated["record"]["status"]) == ("UPDATE", "read")
        assert await called(world, "DELETE", "?body=eq.one") == 204
        assert (await phoenix.change())["type"] == "DELETE"


async def test_the_control_steers_the_faults() -> None:
    """A fault is added, listed, strikes as often as it says, and can be cleared."""
    async with running() as world:
        added = await world.control.call("POST", "/faults/rest", {"status": 503, "count": 2})
        assert [fault["count"] for fault in added["rest"]] == [2]
        assert await called(world, "GET") == 503
        await world.control.call("DELETE", "/faults")
        assert await called(world, "GET") == 200
        with pytest.raises(ControlError, match="status is from 400 to 599"):
            await world.control.call("POST", "/faults/rest", {"status": 200})
