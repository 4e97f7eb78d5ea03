"""C-MON: the client watches itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chatengine import events
from chatengine.client import Alert, CrmClient, Source
from chatengine.moments import from_ms
from tests.chatengine.client.e2e.test_messages import payload
from tests.chatengine.client.e2e.world import QUICK, World, bodies, tasks_of
from tests.waiting import until

if TYPE_CHECKING:
    import pytest


async def test_c_mon_1_delivery_latency_is_measured(world: World) -> None:
    """From createdAt to the push, over the socket and over Realtime; what is fetched has none."""
    async with world.client() as client:
        before = metrics(client)["latencyMs"]["count"]
        written_ms = int(time.time() * 1000) - 250
        await world.push(events.MESSAGE, payload("stamped", createdAt=from_ms(written_ms)))
        await until(lambda: "stamped" in bodies(client))
        latency = metrics(client)["latencyMs"]
        assert latency["count"] == before + 1
        assert 250 <= latency["p99"] < 2500  # the others' createdAt counts whole seconds
        assert "chatengine_client_delivery_latency_seconds_count" in exposition(client)
        world.take_chatengine_down()
        await until(lambda: client.connection.source is Source.SUPABASE)
        await until(lambda: not tasks_of("filling.py"))
        told = metrics(client)["latencyMs"]["count"]
        await world.write("over Realtime")
        await until(lambda: metrics(client)["latencyMs"]["count"] == told + 1)


async def test_c_mon_1_nothing_measured_is_no_zero(world: World) -> None:
    """Before the first push there is no latency; a message from the future is none either."""
    async with world.client(opened=None) as client:
        assert client.monitor.latency_ms(0.5) is None
        future = from_ms(int(time.time() * 1000) + 60_000)
        await world.push(events.MESSAGE, payload("early", createdAt=future), conversation_id=None)
        await until(lambda: client.conversations())
        assert client.monitor.latency_ms(0.5) is None
        assert "clock_ahead_messages_total 1.0" in exposition(client)


async def test_c_mon_2_every_reconnect_is_logged_with_cause_and_length(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The log, the snapshot and the metric tell of each loss once, with why and how long."""
    caplog.set_level(logging.INFO, "chatengine.client.monitoring")
    async with world.client() as client:
        assert not client.monitor.reconnects
        began = time.monotonic()
        await world.engine.call("POST", "/connections/drop", {"how": "socket"})
        await until(lambda: client.counters.reconnects == 1)
        longest_ms = (time.monotonic() - began) * 1000
        (reconnect,) = client.monitor.reconnects
        assert reconnect.cause == "ChatEngine ended the connection"
        assert 0 < reconnect.down_ms <= longest_ms + 1
        (told,) = metrics(client)["reconnects"]
        assert told["cause"] == reconnect.cause
        assert told["downMs"] == reconnect.down_ms
        assert told["at"] == from_ms(reconnect.at_ms)
        assert "chatengine_client_reconnects_total 1.0" in exposition(client)
        assert any(reconnect.cause in record.message for record in caplog.records)


async def test_c_mon_3_a_long_disconnection_raises_an_alert(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than the set time: callback, log line and metric; once, and over with the return."""
    alerts: list[Alert] = []
    async with world.client(timing=replace(QUICK, alert_after_ms=1500)) as client:
        client.on_alert(alerts.append)
        world.network.reset_all()
        await until(lambda: client.counters.reconnects == 1)
        assert alerts == []  # a short one raises none
        began = time.monotonic()
        world.take_chatengine_down()
        await until(lambda: client.monitor.alert)
        assert time.monotonic() - began > 1.4
        assert metrics(client)["alert"] is True
        assert "chatengine_client_disconnection_alert 1.0" in exposition(client)
        assert any("ALERT" in record.message for record in caplog.records)
        world.network.heal()
        await until(lambda: client.connection.is_connected)
        assert [each.raised for each in alerts] == [True, False]
        assert metrics(client)["alert"] is False


async def test_a_listener_that_raises_harms_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged; the other listeners and the client go on."""
    heard: list[object] = []

    def broken(_: object) -> None:
        raise LookupError("a mistake of the user's")

    async with world.client() as client:
        client.on_change(broken)
        forget = client.on_change(heard.append)
        await world.served(client)
        assert heard
        forget()
        heard.clear()
        await world.served(client)
        assert heard == []
    assert "a listener of the client failed" in caplog.text


def metrics(client: CrmClient) -> dict[str, Any]:
    """What the snapshot says of them."""
    found: dict[str, Any] = client.snapshot()["metrics"]
    return found


def exposition(client: CrmClient) -> str:
    """What Prometheus would read."""
    return client.monitor.exposition().decode()
