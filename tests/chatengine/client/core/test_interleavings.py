"""Whatever the order in which anything is told, the user sees the one right thing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.core.shapes import Message
from chatengine.client.core.state import CrmState
from tests.chatengine.client.core.model import expected, seen
from tests.chatengine.client.core.world import (
    CHATS,
    ORDER,
    Telling,
    True_,
    contested_worlds,
    state,
    tellings,
    worlds,
)


def check_step(client: CrmState, before: dict[Any, str]) -> dict[Any, str]:
    """What holds at every moment: sorted, no two of one name, no status lower than `before`."""
    statuses: dict[Any, str] = {}
    for chat in CHATS:
        shown = client.messages(chat)
        keys = [(message.created_ms, message.id) for message in shown]
        assert keys == sorted(keys, reverse=True), "C-MSG-5"
        assert len({message.id for message in shown}) == len(shown), "C-MSG-3"
        named = [message.external_id for message in shown if message.external_id is not None]
        assert len(set(named)) == len(named), "C-MSG-4"
        assert all(message.conversation_id == chat for message in shown), "C-MSG-2"
        for message in shown:
            for name in _names(message):
                statuses[name] = message.status.crm
    for name, status in statuses.items():
        assert ORDER.index(status) >= ORDER.index(before.get(name, "sending")), "C-STA-1"
    return before | statuses


def _names(message: Message) -> list[Any]:
    names = [("id", message.id), ("provider", message.external_id)]
    return [(message.conversation_id, *name) for name in names if name[1] is not None]


@given(st.data())
def test_every_step_is_as_if_worked_out_afresh(data: st.DataObject) -> None:
    """C-MSG-3 C-MSG-4 C-MSG-5 C-STA-1 C-STA-2 C-STA-3 C-SND-2 C-FBK-5 C-FBK-6.

    At every step the list is what the model makes of all that was told so far, sorted, and no
    status is lower than it was.
    """
    told = data.draw(tellings(data.draw(worlds() | contested_worlds())))
    client = state()
    before: dict[Any, str] = {}
    for count, telling in enumerate(told, 1):
        telling.tell(client)
        before = check_step(client, before)
        assert seen(client, CHATS) == expected(told[:count])


@given(st.data())
def test_the_end_is_the_truth(data: st.DataObject) -> None:
    """C-FBK-4 C-FBK-5 C-FBK-6: after any loss, repetition and disorder a refetch makes it whole.

    Each message is there once, in order, at the highest status that was ever told of it.
    """
    about = data.draw(worlds())
    told = data.draw(tellings(about))
    told += data.draw(st.permutations([Telling("copy", each, pushed=False) for each in about]))
    told += data.draw(
        st.lists(st.sampled_from([Telling("row", each, pushed=False) for each in about]))
    )
    client = state()
    before: dict[Any, str] = {}
    for telling in told:
        telling.tell(client)
        before = check_step(client, before)
    for chat in CHATS:
        here = sorted((each for each in about if each.chat == chat), key=_written)
        assert [message.id for message in reversed(client.messages(chat))] == [m.id for m in here]
        assert [message.status.crm for message in reversed(client.messages(chat))] == [
            _highest(each, told) for each in here
        ]
    assert client.counters.malformed == 0


@given(st.data())
def test_a_message_is_never_shown_twice_nor_vanishes(data: st.DataObject) -> None:
    """C-SND-2 C-SND-4 C-FBK-5: from the first that tells of it a message is there, and once."""
    about = data.draw(worlds())
    told = data.draw(tellings(about))
    client = state()
    there: set[str] = set()
    statuses: dict[str, str] = {}
    for telling in told:
        telling.tell(client)
        if telling.kind in ("copy", "row", "send"):
            there.add(telling.about.body)
        shown = [message for chat in CHATS for message in client.messages(chat)]
        assert sorted(message.body for message in shown) == sorted(there)
        for message in shown:
            before = statuses.get(message.body, "sending")
            assert ORDER.index(message.status.crm) >= ORDER.index(before), "C-FBK-6"
            statuses[message.body] = message.status.crm


@given(st.data())
def test_the_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    """C-MSG-5 C-STA-1 C-STA-2: told in another order, the same is seen."""
    told = data.draw(tellings(data.draw(worlds() | contested_worlds())))
    told = [each for each in told if each.kind != "timeout"]
    sends = [each for each in told if each.kind == "send"]
    others = data.draw(st.permutations([each for each in told if each.kind != "send"]))
    one, other = state(), state()
    for telling in told:
        telling.tell(one)
    for telling in sends + list(others):
        telling.tell(other)
    assert seen(one, CHATS) == seen(other, CHATS)


@given(st.data())
def test_only_pushes_are_counted_as_received(data: st.DataObject) -> None:
    """A push is received; one that is told again right away is a duplicate, and changes nothing."""
    told = data.draw(tellings(data.draw(worlds())))
    told = [each for each in told if each.kind in ("copy", "row", "status", "sent")]
    client = state()
    for telling in told:
        telling.tell(client)
        before, shown = client.counters, seen(client, CHATS)
        telling.tell(client)
        pushed = telling.pushed
        assert client.counters.duplicates == before.duplicates + pushed
        assert client.counters.received == before.received + pushed
        assert seen(client, CHATS) == shown
    assert client.counters.malformed == 0


@given(st.data())
def test_a_list_told_of_in_any_order_is_the_same(data: st.DataObject) -> None:
    """C-CNV-3 C-CNV-4: the newest message of each chat leads, whatever came last."""
    told = data.draw(tellings(data.draw(worlds())))
    client = state()
    newest: dict[str, tuple[int, str]] = {}
    for telling in told:
        telling.tell(client)
        if telling.kind in ("copy", "row"):
            about = telling.about
            name = about.id if telling.kind == "copy" else about.row_id
            newest[about.chat] = max(newest.get(about.chat, (0, "")), (about.created_ms, name))
        entries = client.conversations()
        moments = [entry.last_message_ms or 0 for entry in entries]
        assert all(first >= second for first, second in pairwise(moments)), "C-CNV-3"
        assert {entry.id: entry.last_message_ms for entry in entries} == {
            chat: last[0] for chat, last in newest.items()
        }


def _written(message: True_) -> tuple[int, str]:
    return message.created_ms, message.id


def _highest(message: True_, told: list[Telling]) -> str:
    """The greatest of all that was told of it; its timeout counts where nothing came before."""
    statuses = ["sending"]
    confirmed = False
    for telling in told:
        if telling.about == message:
            status = {"sent": "sent", "error": "failed", "timeout": "failed"}.get(
                telling.kind, telling.status
            )
            if telling.kind != "timeout" or not confirmed:
                statuses.append(status)
            confirmed |= telling.kind not in ("send", "status")
    return max(statuses, key=ORDER.index)
