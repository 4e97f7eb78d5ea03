"""C-MSG: every message once, in its place, in the CRM's shape."""

from __future__ import annotations

import random
import time
from typing import Any, Final

import pytest

from chatengine import events
from conformance.checks import shows
from conformance.client.feeds import Feed, SocketFeed
from conformance.client.stages import (
    Source,
    all_show,
    bodies,
    connected,
    found,
    is_back,
    message,
    notices_the_loss,
    on_supabase,
    send_fence,
)
from conformance.client.told import Told, payload, row
from conformance.outcomes import Nonconforming, beginning
from conformance.targets.adapter import AdapterEnded, OtherShape
from conformance.targets.client import ClientUnderTest
from conformance.targets.protocol import ShownMessage, Snapshot, at_ms
from conformance.world import ANNA, BRUNO, World

ALIKE: Final = ANNA.replace("s.whatsapp.net", "lid")
"""Another conversation than Anna's, of the same digits."""


@shows("C-MSG-1")
async def test_a_pushed_message_shows(feed: Feed, client: ClientUnderTest) -> None:
    """A pushed message shows in its conversation, of two that are open, whatever the text."""
    await feed.start(ANNA, BRUNO)
    texts = ["Olá! 👋", "duas\nlinhas", '<b>não</b> & "sim"', "مرحبا", "x" * 4096]
    for text in texts:
        await feed.world.write(text)
    await client.until(
        "every message shows",
        lambda snapshot: set(texts) <= set(bodies(snapshot)),
        view=lambda snapshot: [(body or "")[:40] for body in bodies(snapshot)],
    )


@shows("C-MSG-2")
@pytest.mark.parametrize("other", [BRUNO, ALIKE], ids=["another", "one that looks alike"])
async def test_in_no_other_conversation(feed: Feed, client: ClientUnderTest, other: str) -> None:
    """Of two open conversations a message shows in its own, and in no other: ids are opaque."""

    def places(snapshot: Snapshot) -> list[list[int]]:
        return [
            [len(found(snapshot, text, conversation)) for text in ("for Anna", "for the other")]
            for conversation in (ANNA, other)
        ]

    await feed.start(ANNA, other)
    await feed.tell(Told(text="for Anna", number=1))
    await feed.tell(Told(text="for the other", number=2, conversation_id=other))
    with beginning("messages that show (C-MSG-1)"):
        await client.until("both show", lambda s: all(map(any, zip(*places(s), strict=True))))
    client.verify("each in its own", places, [[1, 0], [0, 1]])
    await feed.fence(ANNA)
    await feed.fence(other)
    client.verify("each in its own", places, [[1, 0], [0, 1]])


@shows("C-MSG-2")
async def test_in_no_other_workspace(world: World, client: ClientUnderTest) -> None:
    """What belongs to another workspace does not show, should the server send it."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    await feed.tell(Told(text="of another workspace", workspace_id="w-2"))
    await feed.fence()
    client.verify("not shown", lambda snapshot: len(found(snapshot, "of another workspace")), 0)


@shows("C-MSG-3")
async def test_one_message_per_id(feed: Feed, client: ClientUnderTest) -> None:
    """The same message told three times shows once, with or without a provider id; two show
    twice, whatever else they have in common.
    """
    await feed.start(ANNA)
    now_ms = int(time.time() * 1000)
    plain = Told(text="thrice", number=1, created_ms=now_ms)
    named = Told(text="thrice, too", number=2, created_ms=now_ms, provider_id="P-2")
    one, other = (Told(text="ok", number=number, created_ms=now_ms) for number in (3, 4))
    for told in (plain, named, one, other):
        await feed.tell(told)
        await feed.tell_again(told)
        await feed.tell_again(told)
    await feed.tell_behind(plain, "read")  # which is news of it, and no other message
    await feed.fence()
    client.verify(
        "each once",
        lambda snapshot: [len(found(snapshot, told.text)) for told in (plain, named, one)],
        [1, 1, 2],
    )


@shows("C-MSG-5")
async def test_ordered_by_writing(feed: Feed, client: ClientUnderTest, rng: random.Random) -> None:
    """Ordered by `createdAt`, ties by id, whatever the order of arrival; shown newest first."""
    await feed.start(ANNA)
    now_ms = int(time.time() * 1000)
    written = [
        Told(text=f"number {number}", number=number, created_ms=now_ms - 60_000 + number // 3 * 7)
        for number in range(12)
    ]
    arriving = rng.sample(written, len(written))
    for told in arriving:
        await feed.tell(told)
    await feed.fence()
    texts = {told.text for told in written}
    client.verify(
        "by createdAt, then id, both falling",
        lambda snapshot: [body for body in bodies(snapshot) if body in texts],
        [told.text for told in reversed(written)],
    )


@shows("C-MSG-6")
async def test_types_and_media_are_mapped(feed: Feed, client: ClientUnderTest) -> None:
    """`type` (file becomes document), `body`, and `mediaUrl`, the first attachment."""
    await feed.start(ANNA)
    kinds = {"text": "text", "image": "image", "video": "video", "audio": "audio"}
    kinds["file"] = "document"
    for number, kind in enumerate(kinds):
        url = None if kind == "text" else f"https://files.example/{kind}"
        await feed.tell(Told(text=f"a {kind}", number=number, type=kind, attachment=url))
    await feed.fence()
    client.verify(
        "body, type and mediaUrl",
        lambda snapshot: {
            f"a {kind}": _parts(message(snapshot, f"a {kind}"), "type", "media_url")
            for kind in kinds
        },
        {
            f"a {kind}": [shown, None if kind == "text" else f"https://files.example/{kind}"]
            for kind, shown in kinds.items()
        },
    )


@shows("C-MSG-1", "C-MSG-6")
async def test_media_without_a_text(feed: Feed, client: ClientUnderTest) -> None:
    """A photograph without a word is a message, too."""
    await feed.start(ANNA)
    url = "https://files.example/wordless"
    await feed.tell(Told(text="", type="image", attachment=url))
    await feed.fence()
    client.verify(
        "one image",
        lambda s: [each.type for each in s.messages.get(ANNA, ()) if each.media_url == url],
        ["image"],
    )


@shows("C-MSG-6")
async def test_ids_status_and_moment_are_mapped(feed: Feed, client: ClientUnderTest) -> None:
    """`status` (pending becomes sending), `externalId`, `replyToId`, `isOutgoing`, `createdAt`."""
    await feed.start(ANNA)
    now_ms = int(time.time() * 1000)
    theirs = Told(text="theirs", number=1, created_ms=now_ms - 1234, provider_id="P-1")
    ours = Told(text="ours", number=2, created_ms=now_ms, by_us=True, status="pending", reply_to=1)
    await feed.tell(theirs)
    await feed.tell(ours)
    await feed.fence()

    def view(snapshot: Snapshot) -> object:
        shown = {text: message(snapshot, text) for text in ("theirs", "ours")}
        return {
            text: [*_parts(each, "status", "is_outgoing"), each and at_ms(each.created_at)]
            for text, each in shown.items()
        } | {
            "externalId": _parts(shown["theirs"], "external_id"),
            "replyToId": _parts(shown["ours"], "reply_to_id"),
        }

    expected = {
        "theirs": ["delivered", False, now_ms - 1234],
        "ours": ["sending", True, now_ms],
        "externalId": ["P-1"],
        "replyToId": [feed.id_of(theirs)],
    }
    client.verify("as told", view, expected)


@shows("C-MSG-6")
async def test_senders_are_told_apart(world: World, client: ClientUnderTest) -> None:
    """`isOutgoing`: a JID or a phone number is the customer; a user, "me" and "system" are us."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    senders = {
        ANNA: False,
        "5511990000001": False,
        "agent-1": True,
        "9f0c5a52-7d0e-4bfa-a3f4-6f3d0b7d2b11": True,
        "me": True,
        "system": True,
    }
    for number, sender in enumerate(senders):
        told = payload(Told(text=f"by {sender}", number=number), senderId=sender)
        await world.push(events.MESSAGE, told)
    await feed.fence()
    client.verify(
        "isOutgoing",
        lambda snapshot: {
            sender: _parts(message(snapshot, f"by {sender}"), "is_outgoing") for sender in senders
        },
        {sender: [is_ours] for sender, is_ours in senders.items()},
    )


@shows("C-MSG-6")
async def test_a_rows_error_is_mapped(world: World, client: ClientUnderTest) -> None:
    """`errorMessage`, which only rows have."""
    client.needs("supabase")
    await on_supabase(world, client, ANNA)
    columns = {"status": "failed", "error_message": "the number has no WhatsApp"}
    world.supabase.database.insert("messages", [row(Told(text="failed", by_us=True), **columns)])
    await client.comes_to(
        "errorMessage",
        lambda snapshot: _parts(message(snapshot, "failed"), "status", "error_message"),
        ["failed", "the number has no WhatsApp"],
    )


_GONE: Final = object()

MALFORMED: Final[dict[str, dict[str, Any]]] = {
    "no id": {"id": _GONE},
    "an id that is null": {"id": None},
    "an id that is a number": {"id": 7},
    "no conversationId": {"conversationId": _GONE},
    "a conversationId that is a list": {"conversationId": [ANNA]},
    "no createdAt": {"createdAt": _GONE},
    "a createdAt that is no moment": {"createdAt": "yesterday"},
    "a createdAt that is an object": {"createdAt": {}},
    "a content that is an object": {"content": {"text": "broken"}},
    "an unknown type": {"type": "hologram"},
    "a type that is a number": {"type": 7},
}
JUNK: Final[tuple[object, ...]] = (None, [], "text", 7, {}, [[[]]])


@shows("C-MSG-7")
async def test_malformed_payloads_are_dropped_and_counted(
    world: World, client: ClientUnderTest
) -> None:
    """A malformed message is dropped and counted, one by one; what follows is still handled."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    mistakes = {}
    for number, (name, change) in enumerate(MALFORMED.items()):
        told = payload(Told(text="broken", number=number)) | change
        told = {field: value for field, value in told.items() if value is not _GONE}
        mistakes[name] = await _harm(world, client, told)
    for value in JUNK:
        mistakes[f"{value!r} for a payload"] = await _harm(world, client, value)
    mistakes = {name: harm for name, harm in mistakes.items() if harm}
    if mistakes:
        raise Nonconforming(
            expected="each dropped and counted", seen=mistakes, history=world.journal.tail()
        )


@shows("C-MSG-7")
async def test_a_row_of_an_unknown_type_is_dropped(world: World, client: ClientUnderTest) -> None:
    """A row of an unknown `type` is dropped and counted; what follows is still handled."""
    client.needs("supabase")
    await on_supabase(world, client, ANNA)
    before = (await client.look()).counters.malformed
    world.supabase.database.insert("messages", [row(Told(text="broken"), type="hologram")])
    snapshot = await _follows(world, client, "a row of an unknown type", by="supabase")
    seen = [len(found(snapshot, "broken")), snapshot.counters.malformed > before]
    if seen != [0, True]:
        raise client.broken("not shown, and counted as malformed")


@shows("C-MSG-7")
async def test_a_malformed_row_of_a_gap_is_dropped(world: World, client: ClientUnderTest) -> None:
    """A row of an unknown `type` among those of a gap: the others are still handled."""
    client.needs("websocket", "supabase")
    await connected(world, client, ANNA)
    with beginning("a gap that is closed (C-FBK-4)"):
        await _misses(world, client, "missed")
    world.bring_back()
    await is_back(world, client, ANNA)
    world.supabase.database.insert("messages", [row(Told(text="broken"), type="hologram")])
    await _misses(world, client, "missed beside it")
    client.verify("not shown", lambda snapshot: len(found(snapshot, "broken")), 0)


@shows("C-MSG-7")
async def test_what_follows_junk_is_still_handled(world: World, client: ClientUnderTest) -> None:
    """Whatever comes as whatever event, what follows is still handled."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    told = (events.MESSAGE_STATUS, events.CONVERSATION, events.TYPING, events.MESSAGE_SENT)
    for event in (*told, events.ERROR, events.CONNECTION_UPDATE, "no-such-event"):
        for value in JUNK:
            await world.push(event, value)
        await _follows(world, client, f"junk for the event {event}")


# how


async def _harm(world: World, client: ClientUnderTest, told: object) -> str | None:
    """What a malformed message does that it must not; None for nothing."""
    before = (await client.look()).counters.malformed
    await world.push(events.MESSAGE, told)
    snapshot = await _follows(world, client, f"a malformed message: {told!r}")
    if found(snapshot, "broken"):
        return "it shows"
    return None if snapshot.counters.malformed > before else "it is not counted"


async def _misses(world: World, client: ClientUnderTest, text: str) -> None:
    """Write while nothing serves, and wait until Supabase's history has brought it."""
    world.take_down(world.network, world.supabase_network)
    await notices_the_loss(client)
    await world.write(text)
    world.bring_back(world.supabase_network)
    await all_show(client, text)


async def _follows(
    world: World, client: ClientUnderTest, junk: str, *, by: Source = "websocket"
) -> Snapshot:
    """Return a snapshot with a message that was sent after the junk."""
    text = await send_fence(world, by=by)
    try:
        return await client.until(
            f"what follows {junk} shows", lambda s: bool(found(s, text)), view=bodies
        )
    except (AdapterEnded, OtherShape) as end:  # by the junk, or because it shows
        raise Nonconforming(
            expected=f"what follows {junk} is handled", seen=str(end), history=world.journal.tail()
        ) from None


def _parts(shown: ShownMessage | None, *names: str) -> list[object]:
    """Parts of a message, None for one that does not show."""
    return [None if shown is None else getattr(shown, name) for name in names]
