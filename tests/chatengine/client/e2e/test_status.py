"""C-STA: a status only moves up, whenever and under whatever name it comes."""

from __future__ import annotations

import itertools

import pytest

from chatengine import events
from chatengine.client import CrmClient
from tests.chatengine.client.e2e.test_messages import payload
from tests.chatengine.client.e2e.world import JID, World, bodies, message
from tests.waiting import until


def status_of(client: CrmClient, body: str) -> str:
    """What the CRM shows."""
    return message(client, body).status.crm


async def push_status(world: World, name: str, status: object) -> None:
    await world.push(events.MESSAGE_STATUS, {"messageId": name, "status": status})


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["sent", "failed", "delivered"])), ids=",".join
)
async def test_c_sta_1_a_status_only_moves_up(world: World, order: tuple[str, ...]) -> None:
    """In any order and repeated, the greatest stays: sending < sent < failed < delivered < read."""
    async with world.client() as client:
        await world.push(events.MESSAGE, payload("mine", senderId="agent-1", status="pending"))
        for status in order * 2:
            await push_status(world, "m-mine", status)
        await world.served(client)
        assert status_of(client, "mine") == "delivered"
        await push_status(world, "m-mine", "read")
        await push_status(world, "m-mine", "sent")
        await world.served(client)
        assert status_of(client, "mine") == "read"


async def test_c_sta_2_a_status_before_its_message_is_kept(world: World) -> None:
    """An acknowledgement that overtakes its message is applied when that comes."""
    async with world.client() as client:
        await push_status(world, "m-late", "delivered")
        await world.push(events.MESSAGE, payload("late", senderId="agent-1", status="sent"))
        await until(lambda: "late" in bodies(client))
        assert status_of(client, "late") == "delivered"


@pytest.mark.parametrize("name", ["evo-P7", "P7"])
async def test_c_sta_3_found_by_id_or_provider_id(world: World, name: str) -> None:
    """The update may name the message either way."""
    told = payload("named", id="evo-P7", senderId="agent-1", status="sent")
    async with world.client() as client:
        await world.push(events.MESSAGE, told | {"metadata": {"providerMessageId": "P7"}})
        await push_status(world, name, "read")
        await until(lambda: "named" in bodies(client) and status_of(client, "named") == "read")


@pytest.mark.parametrize("value", ["teleported", "", None, 3, {}])
async def test_c_sta_4_an_unknown_status_changes_nothing(world: World, value: object) -> None:
    """As an update it is passed over; as the status of a new message, that is kept."""
    async with world.client() as client:
        told = payload("known", senderId="agent-1", status="sent")
        await world.push(events.MESSAGE, told)
        await push_status(world, "m-known", value)
        await world.push(events.MESSAGE, payload("new", senderId="agent-1", status="teleported"))
        await world.served(client)
        assert status_of(client, "known") == "sent"
        assert status_of(client, "new") == "sending"


async def test_c_sta_1_from_sending_to_read_as_whatsapp_tells_it(world: World) -> None:
    """An own message's whole life, with the provider's webhooks, ends as read."""
    async with world.client() as client:
        client.send(JID, "how are you?", client_message_id="c-1")
        assert status_of(client, "how are you?") == "sending"
        await until(lambda: status_of(client, "how are you?") == "read")
