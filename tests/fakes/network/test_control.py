"""The control interface: the same over HTTP as in Python."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession

from fakes.control import ControlClient, ControlError
from tests.fakes.network.test_tcp import exchange
from tests.fakes.network.world import World, quiet, world
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def controlled() -> AsyncIterator[tuple[World, ControlClient]]:
    async with world() as here, ClientSession() as session:
        yield here, ControlClient(session, here.proxy.control)


async def test_stats_and_connections_are_told() -> None:
    """Connections, bytes, frames, faults by kind."""
    async with controlled() as (here, control):
        await exchange(*await here.connect())
        both = {"toClient": 4, "toTarget": 4}
        none = {"toClient": 0, "toTarget": 0}
        assert await control.call("GET", "/stats") == {
            "accepted": 1, "open": 1, "refused": 0, "unreached": 0,
            "bytes": both, "frames": none, "fired": {},
        }  # fmt: skip
        assert await control.call("GET", "/connections") == [
            {"number": 1, "bytes": both, "frames": none, "halfOpen": False, "shaped": False}
        ]


async def test_a_schedule_is_applied_shown_and_cleared() -> None:
    """And what came of it can be fetched, to be replayed."""
    rule = {"fault": {"kind": "cut"}, "on": {"at": "bytes", "count": 4, "direction": "to_target"}}
    async with controlled() as (here, control):
        assert await control.call("POST", "/schedule", {"rules": [rule]}) == {"rules": [rule]}
        client, target = await here.connect()
        client.send(b"ping")
        assert await target.read(4) == b"ping"
        assert await client.end() == "FIN"
        assert await control.call("GET", "/replay") == {"rules": [rule | {"last": 1}]}
        applied, fired = await control.call("GET", "/log")
        assert (applied["what"], fired["what"], fired["by"]) == ("applied", "fired", "schedule")
        assert await control.call("DELETE", "/schedule") == {"connections": 0}
        assert await control.call("GET", "/schedule") == {}


async def test_faults_can_be_commanded() -> None:
    """Hold, release, half-open, heal, refuse, and any other by `strike`."""
    async with controlled() as (here, control):
        client, target = await here.connect()
        other = await here.connect()
        assert await control.call("POST", "/hold", {"direction": "to_target"}) == {"connections": 2}
        client.send(b"ping")
        assert await quiet(target)
        assert await control.call("POST", "/release") == {"connections": 2}
        assert await target.read(4) == b"ping"
        strike = {"fault": {"kind": "reset"}, "connections": [2, 77]}
        assert await control.call("POST", "/strike", strike) == {"connections": 1}
        assert await other[0].end() == "RST"
        assert await control.call("POST", "/half-open", {"new": True}) == {"connections": 1}
        assert await control.call("POST", "/refuse") == {"connections": 0}
        assert await here.is_refused()
        assert await control.call("POST", "/heal") == {"connections": 1}
        assert await client.end() == "RST"
        await exchange(*await here.connect())
        await until(lambda: here.proxy.stats.open == 1)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/schedule", {"rules": [{"fault": {"kind": "drop"}}]}, "drop happens to a frame"),
        ("/schedule", {"rules": [{"fault": {"kind": "latency", "ms": -1}}]}, "Expected `int` >= 0"),
        ("/schedule", {"rule": []}, "unknown field `rule`"),
        ("/strike", {"fault": {"kind": "swap"}}, "swap happens to a frame"),
        ("/strike", {"fault": {"kind": "refuse"}}, "refuse happens to connections yet to come"),
        ("/half-open", {"direction": "up"}, "Invalid enum value 'up'"),
        ("/heal", {"all": True}, "unknown field `all`"),
    ],
)
async def test_a_mistake_is_400_and_changes_nothing(path: str, body: Any, sentence: str) -> None:
    """With the sentence that says what is wrong."""
    async with controlled() as (here, control):
        with pytest.raises(ControlError) as caught:
            await control.call("POST", path, body)
        assert caught.value.status == 400
        assert sentence in caught.value.sentence
        await exchange(*await here.connect())
