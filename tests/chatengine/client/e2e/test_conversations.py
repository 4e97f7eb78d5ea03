"""C-CNV: the list."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chatengine import events
from chatengine.client import ConversationEntry, CrmClient
from chatengine.moments import from_ms
from tests.chatengine.client.e2e.world import JID, OTHER_JID, World
from tests.waiting import until

NOW_MS = int(time.time()) * 1000


def ids(client: CrmClient) -> list[str]:
    return [each.id for each in client.conversations()]


def entry(client: CrmClient, conversation_id: str) -> ConversationEntry:
    (found,) = (each for each in client.conversations() if each.id == conversation_id)
    return found


async def push(world: World, conversation_id: str, at_ms: int, text: str, **fields: Any) -> None:
    last = {"id": f"l-{at_ms}", "content": text, "senderId": JID, "createdAt": from_ms(at_ms)}
    told = {
        "id": conversation_id,
        "workspaceId": "w-1",
        "channel": "whatsapp",
        "participants": [],
        "lastMessage": last,
        "updatedAt": from_ms(at_ms),
    }
    await world.push(events.CONVERSATION, told | fields, conversation_id=None)


async def test_c_cnv_1_an_event_adds_or_updates_one_entry(world: World) -> None:
    """A first message adds the conversation, a second one updates the same entry."""
    async with world.client(opened=None) as client:
        await world.write("one", name="Maria")
        await until(lambda: ids(client) == [JID])
        assert entry(client, JID).name == "Maria"
        await world.write("two")
        await until(lambda: entry(client, JID).preview == "two")
        assert ids(client) == [JID]


async def test_c_cnv_1_the_list_is_there_from_the_beginning(world: World) -> None:
    """What was there before the client connected is fetched."""
    await world.write("before")
    await world.write("before too", OTHER_JID)
    async with world.client(opened=None) as client:
        await until(lambda: sorted(ids(client)) == [JID, OTHER_JID])
        assert entry(client, OTHER_JID).preview == "before too"


async def test_c_cnv_2_preview_and_last_message_at(world: World) -> None:
    """Fifty characters (code points) of the last message, and its moment with it."""
    async with world.client(opened=None) as client:
        await push(world, "c-1", NOW_MS, "🙂" * 60)
        await until(lambda: ids(client) == ["c-1"])
        assert entry(client, "c-1").preview == "🙂" * 50
        assert entry(client, "c-1").last_message_ms == NOW_MS


async def test_c_cnv_2_a_message_without_text_has_its_kind_for_a_preview(world: World) -> None:
    """An image without a caption is `[image]`, also when the message alone tells of it."""
    async with world.client() as client:
        told = {
            "id": "m-1",
            "workspaceId": "w-1",
            "conversationId": JID,
            "senderId": JID,
            "type": "file",
            "content": "",
            "status": "delivered",
            "createdAt": from_ms(int(time.time() * 1000) + 60_000),
        }
        await world.push(events.MESSAGE, told)
        await until(lambda: entry(client, JID).preview == "[document]")


async def test_c_cnv_3_sorted_newest_first(world: World) -> None:
    """Whoever wrote last is at the top."""
    async with world.client(opened=None) as client:
        for number in (2, 3, 1):
            await push(world, f"c-{number}", NOW_MS + number, "hi")
        await until(lambda: ids(client) == ["c-3", "c-2", "c-1"])
        await push(world, "c-1", NOW_MS + 9, "again")
        await until(lambda: ids(client) == ["c-1", "c-3", "c-2"])


async def test_c_cnv_4_an_older_event_never_moves_an_entry_back(world: World) -> None:
    """An event that comes late changes neither place nor preview."""
    async with world.client(opened=None) as client:
        await push(world, "c-1", NOW_MS + 5, "new")
        await push(world, "c-2", NOW_MS + 3, "between")
        await push(world, "c-1", NOW_MS + 1, "old")
        await push(world, "c-3", NOW_MS, "the last word")
        await until(lambda: "c-3" in ids(client))
        assert ids(client) == ["c-1", "c-2", "c-3"]
        assert entry(client, "c-1").preview == "new"


@pytest.mark.parametrize("source", ["websocket", "supabase"])
async def test_c_cnv_5_others_are_left_out(world: World, source: str) -> None:
    """Other numbers and workspaces do not show; what names no number does, over both sources."""
    await world.write("number one", JID, instance="sales-1")
    await world.write("number three", OTHER_JID, instance="sales-2")
    await world.write("another workspace", "5511990000009@s.whatsapp.net", instance="support-1")
    unnumbered = {"id": "c-0", "workspace_id": "w-1", "whatsapp_number_id": None}
    world.supabase.database.insert("conversations", [unnumbered])
    direct = source == "websocket"
    options = {"chatengine": direct, "supabase": not direct, "connected": direct}
    async with world.client(opened=None, number_id="n-1", **options) as client:
        if direct:
            await push(world, "c-0", NOW_MS - 10_000, "of no number")
            await push(world, "c-9", NOW_MS, "leaked", workspaceId="w-2")
        await until(lambda: sorted(ids(client)) == sorted([JID, "c-0"]))
        await world.write("again", JID, instance="sales-1")
        await until(lambda: entry(client, JID).preview == "again")
        assert sorted(ids(client)) == sorted([JID, "c-0"])
