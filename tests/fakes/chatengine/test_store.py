"""The store's laws, whatever comes in whatever order, and its bounds."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine import moments
from chatengine.payloads import Attachment, Message
from chatengine.status import Status, join
from fakes.chatengine.memory_store import MemoryStore
from fakes.chatengine.store import (
    Bounds,
    Change,
    ConversationRead,
    Draft,
    MessageAdded,
    Route,
    StatusRaised,
)

NOW = 1_767_225_700.5
ROUTES = [
    Route("sales-1", "n-1", "1@s.whatsapp.net"),
    Route("sales-1", "n-1", "2@s.whatsapp.net"),
    Route("sales-2", "n-3", "1@s.whatsapp.net"),
]


class Arrival(NamedTuple):
    key_id: str
    route: Route
    second: int


class Ack(NamedTuple):
    key_id: str
    status: Status


def draft(key_id: str, second: int | None = 1_767_225_600) -> Draft:
    return Draft(
        id=f"evo-{key_id}",
        sender_id="1@s.whatsapp.net",
        type="text",
        content="Olá",
        status=Status.SENT,
        second=second,
        provider_id=key_id,
        from_customer=True,
    )


def store_of(bounds: Bounds | None = None) -> tuple[MemoryStore, list[Change]]:
    store, changes = MemoryStore(bounds, clock=lambda: NOW), list[Change]()
    store.listen(changes.append)
    return store, changes


def arrive(store: MemoryStore, arrival: Arrival, workspace_id: str = "w-1") -> str:
    conversation_id = store.open(workspace_id, arrival.route)
    store.add(workspace_id, conversation_id, draft(arrival.key_id, arrival.second))
    return conversation_id


def rank(message: Message) -> int:
    status = Status.parse(message.status)
    assert status is not None
    return status


def history(store: MemoryStore, conversation_id: str, workspace_id: str = "w-1") -> list[str]:
    found = store.messages(workspace_id, conversation_id, since_ms=None, limit=10_000)
    return [message.id.removeprefix("evo-") for message in found]


@st.composite
def traffic(draw: st.DrawFn) -> list[Arrival | Ack]:
    """Messages and acknowledgements, each at least once, repeated and shuffled at will."""
    key_ids = [f"A{number}" for number in range(draw(st.integers(1, 8)))]
    seconds = st.integers(1_767_225_600, 1_767_225_602)
    routes = st.sampled_from(ROUTES)
    arrivals = [Arrival(key_id, draw(routes), draw(seconds)) for key_id in key_ids]
    ack = st.builds(Ack, st.sampled_from(key_ids), st.sampled_from(Status))
    said: list[Arrival | Ack] = [*arrivals, *draw(st.lists(ack, max_size=20))]
    return draw(st.permutations(said + draw(st.lists(st.sampled_from(said), max_size=10))))


@given(traffic())
def test_the_end_does_not_depend_on_order_or_repetition(said: list[Arrival | Ack]) -> None:
    """Each message is there once, with the join of all its statuses (S-MSG-4, S-STA-2, S-STA-3)."""
    store, _ = store_of()
    for each in said:
        if isinstance(each, Arrival):
            arrive(store, each)
        else:
            store.raise_status("w-1", each.key_id, each.status)
    for key_id in {each.key_id for each in said}:
        acks = [each.status for each in said if isinstance(each, Ack) and each.key_id == key_id]
        message = store.message("w-1", f"evo-{key_id}")
        assert message is not None
        assert message.status == join(Status.SENT, *acks).wire
    shown = [key for each in store.conversations("w-1") for key in history(store, each.id)]
    assert sorted(shown) == sorted({each.key_id for each in said})


@given(traffic())
def test_the_changes_told_add_up_to_the_end(said: list[Arrival | Ack]) -> None:
    """A listener that applies what it is told, in that order, knows what the store knows."""
    store, changes = store_of()
    for each in said:
        if isinstance(each, Arrival):
            arrive(store, each)
        else:
            store.raise_status("w-1", each.key_id, each.status)
    told: dict[str, Message] = {}
    for change in changes:
        assert not isinstance(change, ConversationRead)
        before, after = told.get(change.message.id), change.message
        assert (before is None) == isinstance(change, MessageAdded)
        if before is not None:
            assert rank(after) > rank(before)
        told[after.id] = after
    assert told == {key: store.message("w-1", key) for key in told}
    ends = {change.conversation.id: change.conversation
            for change in changes if isinstance(change, MessageAdded)}  # fmt: skip
    assert ends == {each.id: each for each in store.conversations("w-1")}


@given(traffic())
def test_history_is_in_order(said: list[Arrival | Ack]) -> None:
    """By `createdAt`, which keeps the second, and within one second the order of entry."""
    store, _ = store_of()
    arrivals = list(dict.fromkeys(each for each in said if isinstance(each, Arrival)))
    places = [arrive(store, each) for each in arrivals]
    for conversation_id in set(places):
        mine = [each for each, place in zip(arrivals, places, strict=True)
                if place == conversation_id]  # fmt: skip
        expected = sorted(mine, key=lambda each: each.second)  # stable: entry order within one
        assert history(store, conversation_id) == [each.key_id for each in expected]
        found = store.messages("w-1", conversation_id, since_ms=None, limit=100)
        stamps = [moments.to_ms(message.created_at) for message in found]
        assert stamps == sorted(set(stamps))
        assert [stamp // 1000 for stamp in stamps] == [each.second for each in expected]


def test_more_than_a_thousand_in_a_second() -> None:
    """Beyond the thousand milliseconds of its second a message keeps its second, and its place."""
    store, _ = store_of()
    for number in range(1005):
        place = arrive(store, Arrival(f"A{number}", ROUTES[0], 1_767_225_600))
    arrive(store, Arrival("next", ROUTES[0], 1_767_225_601))
    assert history(store, place) == [*(f"A{number}" for number in range(1005)), "next"]
    last = store.messages("w-1", place, since_ms=None, limit=2)
    assert [each.created_at[17:] for each in last] == ["00.999Z", "01.000Z"]


def test_a_message_without_a_moment_is_of_now() -> None:
    """Without a second of its own, a message is of the second in which it entered."""
    store, _ = store_of()
    message = store.add("w-1", store.open("w-1", ROUTES[0]), draft("A1", None))
    assert moments.to_ms(message.created_at) == int(NOW) * 1000


def test_the_last_message_is_the_newest() -> None:
    """A message delivered late does not become the conversation's last one (C-CNV-4)."""
    store, changes = store_of()
    place = arrive(store, Arrival("A2", ROUTES[0], 1_767_225_602))
    arrive(store, Arrival("A1", ROUTES[0], 1_767_225_601))
    conversation = store.conversation("w-1", place)
    assert conversation is not None
    assert conversation.last_message is not None
    assert conversation.last_message.id == "evo-A2"
    assert isinstance(changes[1], MessageAdded)
    assert changes[1].conversation == conversation


def test_names_are_kept_until_there_is_another() -> None:
    """A message without a name leaves the name that its sender had."""
    store, changes = store_of()
    place = store.open("w-1", ROUTES[0])
    for key_id, name in (("A1", ""), ("A2", "Maria"), ("A3", ""), ("A4", "Maria S.")):
        named = Draft(
            id=key_id, sender_id="1@s.whatsapp.net", type="text", content="", status=Status.SENT,
            name=name, from_customer=True,
        )  # fmt: skip
        store.add("w-1", place, named)
    names = [each.conversation.participants[0].name for each in changes
             if isinstance(each, MessageAdded)]  # fmt: skip
    assert names == ["1", "Maria", "Maria", "Maria S."]


def test_conversations_of_one_customer() -> None:
    """The first number keeps the JID, each other has a UUID, the same every time (section 2)."""
    store, _ = store_of()
    first, other = ROUTES[0], ROUTES[2]
    assert store.open("w-1", first) == "1@s.whatsapp.net"
    second = store.open("w-1", other)
    assert len(second) == 36
    assert store.open("w-1", other) == second
    assert store.open("w-2", other) == "1@s.whatsapp.net"
    assert store.route("w-1", second) == other
    again, _ = store_of()
    again.open("w-1", first)
    assert again.open("w-1", other) == second


def test_workspaces_share_nothing() -> None:
    """S-ISO-1: the same ids in two workspaces are two messages, with a status each."""
    store, _ = store_of()
    for workspace_id in ("w-1", "w-2"):
        arrive(store, Arrival("A1", ROUTES[0], 1_767_225_600), workspace_id)
    store.raise_status("w-2", "A1", Status.READ)
    statuses = [store.message(each, "evo-A1") for each in ("w-1", "w-2", "w-3")]
    assert [each.status if each else None for each in statuses] == ["sent", "read", None]


def test_reading_is_told_once() -> None:
    """Where something was unread, and not where nothing was."""
    store, changes = store_of()
    place = arrive(store, Arrival("A1", ROUTES[0], 1_767_225_600))
    for conversation_id in (place, place, "unknown"):
        store.mark_read("w-1", conversation_id)
    assert changes[1:] == [ConversationRead("w-1", place)]
    assert store.unread("w-1", place) == 0


SMALL = Bounds(messages=6, messages_per_conversation=3, conversations=3, early_statuses=2)


def test_a_conversation_shows_its_newest() -> None:
    """Beyond its bound a conversation's oldest go; a repetition of theirs is still known."""
    store, changes = store_of(SMALL)
    arrivals = [Arrival(f"A{number}", ROUTES[0], 1_767_225_600 + number) for number in range(5)]
    for each in arrivals:
        place = arrive(store, each)
    assert history(store, place) == ["A2", "A3", "A4"]
    told = len(changes)
    for each in arrivals:
        arrive(store, each)
    assert len(changes) == told
    store.raise_status("w-1", "A0", Status.READ)
    assert isinstance(changes[-1], StatusRaised)


def test_the_oldest_messages_go_first() -> None:
    """Beyond the bound of a workspace the messages that entered first are forgotten altogether."""
    store, _ = store_of(SMALL)
    for number in range(8):
        arrive(store, Arrival(f"A{number}", ROUTES[number % 3], 1_767_225_600))
    known = [number for number in range(8) if store.message("w-1", f"evo-A{number}")]
    assert known == [2, 3, 4, 5, 6, 7]
    shown = [key for each in store.conversations("w-1") for key in history(store, each.id)]
    assert sorted(shown) == [f"A{number}" for number in known]


def test_the_oldest_messages_go_beyond_the_bytes() -> None:
    """A workspace's messages are bounded in bytes too, whatever of them is large."""
    url = "https://files.example/" + "x" * 2000
    file = Attachment(id="f", message_id="m", type="file", url=url)
    large: list[dict[str, Any]] = [
        {"content": "é" * 1000},
        {"client_id": "x" * 2000},
        {"attachments": (file,)},
    ]
    for more in large:
        store = MemoryStore(Bounds(bytes=100_000))
        conversation = store.open("w-1", ROUTES[0])
        for number in range(200):
            store.add("w-1", conversation, replace(draft(str(number)), **more))
            store.add("w-2", store.open("w-2", ROUTES[0]), draft(str(number)))
        kept = store.messages("w-1", conversation, since_ms=None, limit=1000)
        assert 40 < len(kept) < 50
        assert [each.id for each in kept] == [f"evo-{n}" for n in range(200 - len(kept), 200)]
        assert store.message("w-1", "evo-0") is None
        assert store.message("w-2", "evo-0") is not None


def test_a_full_store_takes_a_message_as_fast_as_an_empty_one() -> None:
    """What went before is not walked over again, and a thousand of one moment are not either."""
    store = MemoryStore(Bounds(messages=20_000, early_statuses=20_000))
    conversation = store.open("w-1", ROUTES[0])

    def seconds(numbers: range) -> float:
        began = time.process_time()
        for number in numbers:
            store.add("w-1", conversation, draft(str(number)))
            store.raise_status("w-1", f"early-{number}", Status.READ)
        return time.process_time() - began

    empty = seconds(range(20_000))
    assert seconds(range(20_000, 40_000)) < 4 * empty


def test_the_stillest_conversation_goes_first() -> None:
    """Beyond the bound the conversation longest without a message goes, with its messages."""
    store, _ = store_of(SMALL)
    for number, customer in enumerate((1, 2, 3, 1, 4)):
        route = Route("sales-1", "n-1", f"{customer}@s.whatsapp.net")
        arrive(store, Arrival(f"A{number}", route, 1_767_225_600 + number))
    left = [each.id[0] for each in store.conversations("w-1")]
    assert left == ["4", "1", "3"]
    assert store.message("w-1", "evo-A1") is None
    assert arrive(store, Arrival("A9", ROUTES[1], 1_767_225_609)) == "2@s.whatsapp.net"


def test_the_longest_waiting_status_goes_first() -> None:
    """Of early statuses the one that waited longest is dropped."""
    store, _ = store_of(SMALL)
    for key_id in ("A0", "A1", "A2"):
        store.raise_status("w-1", key_id, Status.READ)
    for key_id in ("A0", "A1", "A2"):
        arrive(store, Arrival(key_id, ROUTES[0], 1_767_225_600))
    statuses = [store.message("w-1", f"evo-A{number}") for number in range(3)]
    assert [each and each.status for each in statuses] == ["sent", "read", "read"]
