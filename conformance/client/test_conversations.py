"""C-CNV: the list of conversations."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from chatengine import events
from chatengine.moments import from_ms
from conformance.checks import shows
from conformance.client.feeds import Feed
from conformance.client.stages import bodies, connected, entry
from conformance.deadlines import Deadline, until
from conformance.outcomes import beginning
from conformance.targets.client import PATIENCE_S, ClientUnderTest, View
from conformance.targets.protocol import Snapshot, at_ms
from conformance.world import ANNA, BRUNO, CLARA, World
from fakes.evolution.bodies import Contact, Content, Kind

NOW_MS: Final = int(time.time()) * 1000

CONVERSATIONS: Final = (ANNA, BRUNO, CLARA)


async def push(world: World, conversation_id: str, text: str, at: int, **fields: Any) -> None:
    """Push a conversation whose last message was written `at` ms from now."""
    moment = from_ms(NOW_MS + at)
    told = {
        "id": conversation_id,
        "workspaceId": "w-1",
        "whatsappNumberId": "n-1",
        "channel": "whatsapp",
        "participants": [{"id": conversation_id, "name": "Anna"}],
        "lastMessage": {
            "id": f"m-{conversation_id}-{at}",
            "content": text,
            "senderId": conversation_id,
            "createdAt": moment,
            "type": "text",
        },
        "updatedAt": moment,
    } | fields
    pushed = {name: value for name, value in told.items() if value is not None}
    await world.push(events.CONVERSATION, pushed, conversation_id=None)


async def heard(world: World, client: ClientUnderTest) -> None:
    """Wait for an entry that was told of behind all the others."""
    await push(world, "the-fence", "the fence", at=-3_600_000)
    with beginning("a conversation that is shown after all the others (C-CNV-1)"):
        await client.until("it shows", lambda s: entry(s, "the-fence") is not None)


def lines(*conversations: str) -> View:
    """What the list has of these: moment and preview, in the order shown."""

    def view(snapshot: Snapshot) -> object:
        shown = [each for each in snapshot.conversations if each.id in conversations]
        return [(each.id, at_ms(each.last_message_at), each.preview) for each in shown]

    return view


def order(*conversations: str) -> Callable[[Snapshot], list[str]]:
    """In which order they stand."""
    return lambda snapshot: [e.id for e in snapshot.conversations if e.id in conversations]


def previews(conversation_id: str) -> Callable[[Snapshot], list[str | None]]:
    """The preview of each entry that a conversation has."""
    return lambda snapshot: [e.preview for e in snapshot.conversations if e.id == conversation_id]


@shows("C-CNV-1")
async def test_an_event_adds_or_updates_one_entry(world: World, client: ClientUnderTest) -> None:
    """An event adds an entry; another one of the same conversation updates it."""
    client.needs("websocket")
    await connected(world, client)
    await push(world, "c-1", "one", at=1)
    await client.comes_to("added", lines("c-1"), [("c-1", NOW_MS + 1, "one")])
    await push(world, "c-1", "two", at=2)
    await push(world, "c-1", "two", at=2)
    await heard(world, client)
    client.verify("updated, and one", lines("c-1"), [("c-1", NOW_MS + 2, "two")])


@shows("C-CNV-1", "C-CNV-2")
async def test_a_message_adds_or_updates_one_entry(feed: Feed, client: ClientUnderTest) -> None:
    """What a customer writes shows in the list, whichever way the client is told."""
    await feed.start(ANNA)
    for text in ("one", "two"):
        await feed.world.write(text, BRUNO)
        await client.comes_to("the previews of its entries", previews(BRUNO), [text])


@shows("C-CNV-2")
async def test_preview_and_moment(world: World, client: ClientUnderTest) -> None:
    """The first 50 characters, which are code points, and `lastMessageAt` with them."""
    client.needs("websocket")
    await connected(world, client)
    texts = {"c-1": "a" * 51, "c-2": "🙂" * 60, "c-3": "é" * 50, "c-4": "short"}
    for at, (conversation, text) in enumerate(texts.items()):
        later = from_ms(NOW_MS + 60_000)  # of the conversation, not of its last message
        await push(world, conversation, text, at=-at, updatedAt=later)
    await heard(world, client)
    expected = [(each, NOW_MS - at, texts[each][:50]) for at, each in enumerate(texts)]
    client.verify("50 code points at most", lines(*texts), expected)
    await push(world, "c-4", "later", at=1)
    await client.comes_to("both of the last", lines("c-4"), [("c-4", NOW_MS + 1, "later")])


@shows("C-CNV-2")
async def test_preview_of_a_message_without_text(feed: Feed, client: ClientUnderTest) -> None:
    """`[image]`, `[video]`, `[audio]` and `[document]` where a message has no text."""
    await feed.start(ANNA)
    world = feed.world
    kinds: tuple[Kind, ...] = ("image", "video", "audio", "document")
    for kind in kinds:
        content = Content(kind=kind, url=f"https://files.example/{kind}")
        await world.provider.customer_writes("sales-1", Contact(BRUNO, "Bruno"), content)
        await client.comes_to("the preview", previews(BRUNO), [f"[{kind}]"])


@shows("C-CNV-2")
async def test_preview_is_that_of_the_last_message(feed: Feed, client: ClientUnderTest) -> None:
    """50 code points, and the moment of the last message, whichever way the client is told."""
    await feed.start(ANNA)
    written = await feed.world.write("🙂" * 60, BRUNO)
    created_ms = at_ms(feed.world.copy_of(written)["createdAt"])
    await client.comes_to("preview", lines(BRUNO), [(BRUNO, created_ms, "🙂" * 50)])


@shows("C-CNV-3")
async def test_sorted_newest_first(world: World, client: ClientUnderTest) -> None:
    """Sorted by `lastMessageAt`, newest first; an entry that has news goes to the top."""
    client.needs("websocket")
    await connected(world, client)
    for number in (2, 3, 1):
        await push(world, f"c-{number}", "hi", at=number)
    await heard(world, client)
    client.verify("sorted", order("c-1", "c-2", "c-3"), ["c-3", "c-2", "c-1"])
    await push(world, "c-1", "again", at=9)
    await client.comes_to("to the top", order("c-1", "c-2", "c-3"), ["c-1", "c-3", "c-2"])


@shows("C-CNV-3")
async def test_sorted_whichever_way_it_is_told(feed: Feed, client: ClientUnderTest) -> None:
    """Who wrote last is at the top."""
    await feed.start(ANNA)
    for ago_s, conversation in ((30, ANNA), (20, BRUNO), (25, CLARA)):
        await feed.world.write("hi", conversation, ago_s=ago_s)
    await client.comes_to("sorted", order(*CONVERSATIONS), [BRUNO, CLARA, ANNA])
    await feed.world.write("again", ANNA, ago_s=10)
    await client.comes_to("to the top", order(*CONVERSATIONS), [ANNA, BRUNO, CLARA])


@shows("C-CNV-4")
async def test_an_older_event_moves_nothing_back(world: World, client: ClientUnderTest) -> None:
    """An older event never moves an entry back: not its place, nor its preview."""
    client.needs("websocket")
    await connected(world, client)
    await push(world, "c-1", "new", at=5)
    await push(world, "c-2", "between", at=3)
    await push(world, "c-1", "old", at=1)
    await heard(world, client)
    expected = [("c-1", NOW_MS + 5, "new"), ("c-2", NOW_MS + 3, "between")]
    client.verify("as before", lines("c-1", "c-2"), expected)


@shows("C-CNV-4")
async def test_an_older_message_moves_nothing_back(feed: Feed, client: ClientUnderTest) -> None:
    """A message that was written before the last one, and comes after it, changes no entry."""
    await feed.start(ANNA)
    world = feed.world
    last = await world.write("new", ANNA, ago_s=5)
    await world.write("between", BRUNO, ago_s=10)
    await world.write("old", ANNA, ago_s=20)
    await world.write("behind", CLARA, ago_s=30)
    with beginning("a list of what was written (C-CNV-1)"):
        await client.until("all three", lambda s: len(order(*CONVERSATIONS)(s)) == 3)
        await client.until("the old one", lambda s: "old" in bodies(s))
    client.verify("as before", order(*CONVERSATIONS), [ANNA, BRUNO, CLARA])
    created_ms = at_ms(world.copy_of(last)["createdAt"])
    client.verify("as before", lines(ANNA), [(ANNA, created_ms, "new")])


@shows("C-CNV-5")
async def test_other_workspaces_and_numbers_are_left_out(
    world: World, client: ClientUnderTest
) -> None:
    """Where a number is chosen, others are left out, as are other workspaces; no number is kept."""
    client.needs("websocket")
    await connected(world, client, number_id="n-1")
    await push(world, "of the number", "hi", at=1)
    await push(world, "of no number", "hi", at=2, whatsappNumberId=None)
    await push(world, "of another number", "hi", at=3, whatsappNumberId="n-2")
    await push(world, "of another workspace", "hi", at=4, workspaceId="w-2")
    await push(world, "first of the number", "hi", at=1)
    for theirs in ({"whatsappNumberId": "n-2"}, {"workspaceId": "w-2"}):
        await push(world, "first of the number", "not for here", at=5, **theirs)
    await heard(world, client)
    all_of_them = [
        f"of {one}" for one in ("the number", "no number", "another number", "another workspace")
    ]
    client.verify("left out", order(*all_of_them), ["of no number", "of the number"])
    if "not for here" in previews("first of the number")(await client.look()):
        raise client.broken("nothing of another number or workspace", order("first of the number"))


@shows("C-CNV-5")
async def test_without_a_number_all_of_them_show(world: World, client: ClientUnderTest) -> None:
    """Where no number is chosen, every number of the workspace shows, and no other workspace."""
    client.needs("websocket")
    await connected(world, client)
    await push(world, "of one number", "hi", at=1)
    await push(world, "of another number", "hi", at=2, whatsappNumberId="n-2")
    await push(world, "of another workspace", "hi", at=3, workspaceId="w-2")
    await heard(world, client)
    all_of_them = [f"of {one}" for one in ("one number", "another number", "another workspace")]
    client.verify("shown", order(*all_of_them), ["of another number", "of one number"])


@shows("C-CNV-5")
async def test_the_workspace_before_is_left_out(world: World, client: ClientUnderTest) -> None:
    """Where another workspace is configured, the list of the one before is gone."""
    client.needs("websocket", "reconfigure")
    await connected(world, client)
    await push(world, "of the workspace before", "hi", at=1)
    with beginning("a list (C-CNV-1)"):
        await client.until("it shows", lambda s: entry(s, "of the workspace before") is not None)
    await client.configure(world.config(workspace_id="w-2"))
    with beginning("a connection (C-CONN-1)"):
        await until(lambda: _is_in(world, "w-2"), Deadline(PATIENCE_S))
    await world.write("to the other workspace", CLARA, instance="support-1")
    with beginning("a list of what was written (C-CNV-1)"):
        await client.until("Clara's", lambda s: entry(s, CLARA) is not None)
    client.verify("left out", order("of the workspace before", CLARA), [CLARA])


@shows("C-CNV-5")
async def test_other_numbers_are_left_out_by_either_way(
    feed: Feed, client: ClientUnderTest
) -> None:
    """Where a number is chosen, conversations of others do not show, whichever way it is told."""
    await feed.start(ANNA, number_id="n-1")
    await feed.world.write("to another number", BRUNO, instance="sales-2")
    await feed.world.write("to another workspace", CLARA, instance="support-1")
    await feed.world.write("to the number", ANNA)
    with beginning("a list of what was written (C-CNV-1)"):
        await client.until("Anna's", lambda s: ANNA in order(*CONVERSATIONS)(s))
    await feed.fence()
    client.verify("left out", order(*CONVERSATIONS), [ANNA])


async def _is_in(world: World, workspace_id: str) -> bool:
    """Whether whoever is connected is connected to this workspace."""
    agents = await world.agents()
    return bool(agents) and all(agent["workspaceId"] == workspace_id for agent in agents)
