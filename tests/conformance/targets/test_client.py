"""A client under test, by what its adapter says: claims, waits, failures, and its history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chatengine.history import Fault, Opened, Sent, Shown
from conformance.journal import Journal
from conformance.outcomes import CouldNotRun, Nonconforming, NotApplicable
from conformance.targets.client import ClientUnderTest
from tests.conformance.targets.adapters import adapter

COUNTING = """
answer(read())
for number in range(3):
    RESULTS["snapshot"]["counters"]["received"] = number
    answer(read())
"""


@asynccontextmanager
async def client(body: str = "") -> AsyncIterator[ClientUnderTest]:
    """A client behind a test's adapter."""
    async with adapter(body) as running:
        yield await ClientUnderTest.greet(running, Journal())


async def test_what_is_not_claimed_is_not_applicable() -> None:
    """A missing capability ends a check, in a sentence that says what it is."""
    async with client() as told:
        told.needs("websocket", "send")
        with pytest.raises(NotApplicable) as without:
            told.needs("websocket", "supabase")
        assert str(without.value) == (
            "The client does not claim `supabase` (the fallback to Supabase Realtime)."
        )


async def test_a_verb_that_is_refused() -> None:
    """What is claimed and refused is a failure; what is not claimed is not applicable."""
    body = 'answer(read())\nfor _ in range(2):\n    refuse(read(), "unsupported", "no such verb")'
    async with client(body) as told:
        with pytest.raises(Nonconforming) as broken:
            await told.send("c-1", "hi", "id-1")
        assert str(broken.value) == (
            "send is claimed and does not work: expected `send` is carried out; seen "
            "`send` was refused: unsupported: no such verb"
        )
        with pytest.raises(NotApplicable, match="does not claim `typing`"):
            await told.typing("c-1", True)


async def test_another_protocol_could_not_run() -> None:
    """An adapter that refuses our protocol cannot be asked anything."""
    with pytest.raises(CouldNotRun, match="does not speak protocol 1"):
        async with client('refuse(read(), "unsupported", "protocol 2 alone")'):
            pass


async def test_waits_until_a_snapshot_is_as_wanted() -> None:
    """Snapshots are asked for until one is as it should be."""
    async with client(COUNTING) as told:
        snapshot = await told.comes_to("received", lambda s: s.counters.received, 2)
        assert snapshot.counters.received == 2


async def test_what_does_not_come_about_is_told_beside_what_was_seen() -> None:
    """A failure says what was expected, by when, what was seen, and ends with all of it."""
    async with client() as told:
        await told.open("c-1")
        with pytest.raises(Nonconforming) as broken:
            await told.comes_to("the source", lambda s: s.connection.source, "none", within_s=0.1)
        assert broken.value.expected == "the source: none, within 0.1 s"
        assert broken.value.seen == "websocket"
        assert '"conversation":"c-1"' in broken.value.history[0]
        assert broken.value.history[-1].startswith('the last snapshot: {"connection"')


async def test_a_snapshot_is_held_to_what_it_shows() -> None:
    """What the last snapshot lacks is a failure at once."""
    async with client() as told:
        await told.look()
        told.verify("received", lambda s: s.counters.received, 0)
        with pytest.raises(Nonconforming, match="expected malformed: 1; seen 0"):
            told.verify("malformed", lambda s: s.counters.malformed, 1)


async def test_its_own_figures_are_heeded() -> None:
    """A longer figure of its own is waited for, a shorter or an unknown one is not."""
    async with client() as told:
        assert told.own_figure_s("pollIntervalMs", 0.5) == 7
        assert told.own_figure_s("pollIntervalMs", 10) == 10
        assert told.own_figure_s("alertAfterMs", 30) == 30


async def test_what_is_done_and_shown_is_its_history() -> None:
    """Each step is a record; what is shown again as it was is none."""
    message = {"id": "evo-K", "body": "hi", "type": "text", "status": "sent", "isOutgoing": True}
    shown = [message | {"createdAt": "2026-01-01T00:00:00.000Z"}]
    body = f'RESULTS["snapshot"]["messages"] = {{"c-1": {shown!r}}}'
    async with adapter(body) as running:
        journal = Journal()
        told = await ClientUnderTest.greet(running, journal, "maria")
        await told.open("c-1")
        await told.send("c-1", "hi", "id-1")
        await told.look()
        await told.look()
        kinds = [type(record) for record in journal.records if not isinstance(record, Fault)]
        assert kinds[:2] == [Opened, Sent]
        (seen,) = [record for record in journal.records if isinstance(record, Shown)]
        assert (seen.who, seen.messages[0].provider) == ("maria", "K")
        assert [r.at_us for r in journal.records] == sorted(r.at_us for r in journal.records)
