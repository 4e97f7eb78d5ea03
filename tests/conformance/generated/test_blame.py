"""Which requirement a counterexample is laid to: of each kind of schedule, the one that says it."""

from __future__ import annotations

import pytest

from chatengine.history import (
    EVERYBODY,
    Entered,
    Fault,
    Held,
    Listed,
    ListedConversation,
    Opened,
    Received,
    Record,
    Sent,
    Settled,
    Shown,
    ShownMessage,
    StatusEntered,
    Subscribed,
)
from conformance.generated.blame import (
    FENCE,
    NO_SOCKET,
    OF_CLIENTS,
    OF_SERVERS,
    Blame,
    client_blame,
    server_blame,
)
from conformance.generated.schedules import (
    Again,
    Close,
    Down,
    Lose,
    Open,
    Restart,
    Schedule,
    Send,
    Status,
    Step,
    Up,
    Write,
)
from conformance.history import Anomaly, Invalid
from conformance.requirements import REQUIREMENTS

OPENED = Opened(at_us=1, who="client", conversation="c")
SUBSCRIBED = Subscribed(at_us=1, who="agent", conversation="c")
GIVEN = Entered(at_us=2, who="harness", message="m", conversation="c", workspace="w")
BEHIND = Entered(at_us=3, who="harness", message=f"{FENCE}1", conversation="c", workspace="w")
OWN = Entered(at_us=2, who="harness", message="m", conversation="c", workspace="w", client_id="s")
TOLD = StatusEntered(at_us=3, who="harness", message="m", status="read")
SETTLED = Settled(at_us=4, who=EVERYBODY, upto_us=4)
HELD = Held(at_us=5, who="client", conversations=("c",))
HELD_NOT = Held(at_us=5, who="client", conversations=())
HELD_TWICE = Held(at_us=5, who="client", conversations=("c", "c"))
HELD_THERE = Held(at_us=5, who="client", conversations=("c",), by="supabase")
AWAY = Fault(at_us=5, who="client", fault=NO_SOCKET)
SENT = Sent(at_us=2, who="client", conversation="c", client_id="s")


def shown(*messages: tuple[str, int]) -> Shown:
    found = tuple(ShownMessage(id=name, status="sent", created_ms=at) for name, at in messages)
    return Shown(at_us=6, who="client", conversation="c", messages=found)


def listed(*conversations: tuple[str, int]) -> Listed:
    lines = tuple(ListedConversation(id=name, last_message_ms=at) for name, at in conversations)
    return Listed(at_us=6, who="client", conversations=lines)


def received(message: str) -> Received:
    return Received(at_us=6, who="agent", message=message, conversation="c")


CLIENT: tuple[tuple[Anomaly, tuple[Step, ...], tuple[Record, ...], str], ...] = (
    ("lost", (Open(), Write(0)), (OPENED, GIVEN, SETTLED, HELD), "C-MSG-1"),
    ("lost", (Open(), Lose(), Write(0)), (OPENED, GIVEN, SETTLED, HELD), "C-FBK-4"),
    ("lost", (Open(), Down(), Write(0)), (OPENED, GIVEN, SETTLED), "C-FBK-4"),
    ("lost", (Open(), Down("supabase"), Write(0)), (OPENED, GIVEN, SETTLED, HELD), "C-MSG-1"),
    ("lost", (Open(), Lose(), Write(0)), (OPENED, GIVEN, SETTLED, AWAY, HELD_NOT), "C-FBK-4"),
    ("lost", (Open(), Lose()), (OPENED, BEHIND, SETTLED, HELD_NOT), "C-SUB-3"),
    ("lost", (Down(), Open(), Up()), (OPENED, BEHIND, SETTLED, HELD_NOT), "C-SUB-2"),
    ("lost", (Open(),), (OPENED, BEHIND, SETTLED, HELD_NOT), "C-SUB-1"),
    ("lost", (Open(), Open(), Close()), (OPENED, BEHIND, SETTLED, HELD_NOT), "C-SUB-5"),
    ("lost", (Open(), Lose()), (OPENED, BEHIND, SETTLED, HELD), "C-MSG-1"),
    ("lost", (Open(), Send(0)), (SENT, SETTLED), "C-SND-4"),
    ("lost", (Open(), Write(0), Status(0)), (OPENED, TOLD, SETTLED), "C-STA-3"),
    ("lost", (Open(), Write(0), Status(0, "failed"), Status(0)), (TOLD, SETTLED), "C-STA-1"),
    ("lost", (Open(), Status(0), Write(0)), (OPENED, TOLD, SETTLED), "C-STA-2"),
    ("lost", (Open(), Write(0), Down(), Status(0)), (OPENED, TOLD, SETTLED), "C-FBK-4"),
    ("duplicated", (Open(), Write(0), Again(0)), (shown(("m", 1), ("m", 1)),), "C-MSG-3"),
    ("duplicated", (Open(), Write(0), Again(0)), (shown(("m", 1), ("evo-m", 1)),), "C-MSG-4"),
    ("duplicated", (Open(), Write(0), Lose()), (shown(("m", 1), ("m", 1)),), "C-FBK-5"),
    ("duplicated", (Open(), Send(0)), (shown(("m", 1), ("m", 1)),), "C-SND-2"),
    ("duplicated", (Write(0),), (listed(("c", 1), ("c", 1)),), "C-CNV-1"),
    ("phantom", (Open(), Open(1), Write(0)), (shown(("m", 1)),), "C-MSG-2"),
    ("reordered", (Open(), Write(0), Write(1)), (shown(("m", 1), ("n", 2)),), "C-MSG-5"),
    ("stale list", (Write(0),), (GIVEN, SETTLED, listed()), "C-CNV-1"),
    ("stale list", (Write(0), Write(1, 0, 40)), (GIVEN, SETTLED, listed(("c", 1))), "C-CNV-4"),
    ("stale list", (Write(0), Write(1)), (listed(("c", 1), ("d", 2)),), "C-CNV-3"),
    ("stale list", (Write(0), Write(1)), (listed(("c", 2)), listed(("c", 1))), "C-CNV-4"),
    ("leaked subscription", (Open(), Close()), (SETTLED, HELD), "C-SUB-4"),
    ("leaked subscription", (Open(), Open()), (SETTLED, HELD_TWICE), "C-SUB-5"),
    ("leaked subscription", (Open(), Restart()), (SETTLED, HELD_TWICE), "C-SUB-3"),
    ("leaked subscription", (Open(), Lose(), Close()), (SETTLED, HELD_THERE), "C-FBK-8"),
)

SERVER: tuple[tuple[Anomaly, tuple[Step, ...], tuple[Record, ...], str], ...] = (
    ("lost", (Open(), Write(0)), (SUBSCRIBED, GIVEN, SETTLED), "S-SUB-1"),
    ("lost", (Open(), Lose()), (SUBSCRIBED, BEHIND, SETTLED), "S-REC-1"),
    ("lost", (Open(), Close(), Open()), (SUBSCRIBED, BEHIND, SETTLED), "S-SUB-3"),
    ("lost", (Write(0), Send(1)), (SUBSCRIBED, OWN, SETTLED), "S-SND-1"),
    ("lost", (Write(0),), (OPENED, GIVEN, SETTLED, shown()), "S-REC-2"),
    ("lost", (Write(0), Status(0)), (OPENED, TOLD, SETTLED, shown()), "S-STA-1"),
    ("lost", (Status(0), Write(0)), (OPENED, TOLD, SETTLED, shown()), "S-STA-3"),
    ("duplicated", (Open(), Write(0), Again(0)), (received("m"), received("m")), "S-MSG-4"),
    ("duplicated", (Open(), Send(0)), (received("m"), received("m")), "S-SND-3"),
    ("duplicated", (Open(), Send(0), Again(0)), (received("m"), received("m")), "S-SND-3"),
    ("duplicated", (Open(), Open()), (received("m"), received("m")), "S-SUB-4"),
    ("duplicated", (Open(), Lose()), (received("m"), received("m")), "S-REC-1"),
    ("duplicated", (), (shown(("m", 1), ("m", 1)),), "S-REC-2"),
    ("reordered", (Write(0), Write(1)), (received("m"), received("n")), "S-MSG-3"),
    ("reordered", (Write(0), Write(1)), (shown(("m", 1), ("n", 2)),), "S-REC-2"),
    ("reordered", (Write(0), Write(1)), (shown(("m", 1), ("n", 1)),), "S-MSG-3"),
    ("status went back", (Write(0), Status(0), Status(0, "sent")), (TOLD,), "S-STA-2"),
    ("leaked subscription", (Open(), Close()), (received("m"),), "S-SUB-3"),
    ("leaked subscription", (Open(), Open(), Close()), (received("m"),), "S-SUB-4"),
    ("leaked subscription", (Open(), Close(), Lose()), (received("m"),), "S-REC-1"),
    ("leaked subscription", (), (received("m"),), "S-SUB-2"),
    ("phantom", (Write(0),), (received("n"),), "S-MSG-1"),
)


def blamed(
    blame: Blame, anomaly: Anomaly, steps: tuple[Step, ...], records: tuple[Record, ...]
) -> tuple[str, ...]:
    part = tuple(record for record in records if record not in (HELD, HELD_NOT))
    if anomaly == "leaked subscription":
        part = records
    return blame(Schedule(steps), records, Invalid(anomaly, "it is wrong", part))


@pytest.mark.parametrize(("anomaly", "steps", "records", "requirement"), CLIENT)
def test_what_a_client_breaks(
    anomaly: Anomaly, steps: tuple[Step, ...], records: tuple[Record, ...], requirement: str
) -> None:
    """What is wrong, what was needed for it, and what was held say whose clause it is."""
    assert blamed(client_blame, anomaly, steps, records) == (requirement,)


@pytest.mark.parametrize(("anomaly", "steps", "records", "requirement"), SERVER)
def test_what_a_server_breaks(
    anomaly: Anomaly, steps: tuple[Step, ...], records: tuple[Record, ...], requirement: str
) -> None:
    """The same of a server."""
    assert blamed(server_blame, anomaly, steps, records) == (requirement,)


def test_a_status_that_goes_back_across_a_gap_breaks_two() -> None:
    """It moves down, and does so across a switch."""
    there = (Open(), Write(0), Status(0))
    assert blamed(client_blame, "status went back", there, ()) == ("C-STA-1",)
    across = blamed(client_blame, "status went back", (*there, Lose()), ())
    assert across == ("C-STA-1", "C-FBK-6")


def test_a_preview_is_told_from_a_line_that_is_behind() -> None:
    """The line is there, with the message's moment: then it is what it says of it."""
    told = Entered(
        at_us=2, who="harness", message="m", conversation="c", workspace="w", created_ms=7
    )
    for at_ms, requirement in ((7, "C-CNV-2"), (6, "C-CNV-1")):
        records = (told, SETTLED, listed(("c", at_ms)))
        assert blamed(client_blame, "stale list", (Write(0),), records) == (requirement,)


def test_a_check_shows_whatever_it_may_blame() -> None:
    """Each is a requirement of its side that a check can show."""
    for side, of in (("client", OF_CLIENTS), ("server", OF_SERVERS)):
        assert len(set(of)) == len(of)
        for each in of:
            assert (REQUIREMENTS[each].side, REQUIREMENTS[each].why_not) == (side, None)
    tried = {requirement for *_, requirement in (*CLIENT, *SERVER)}
    assert {*OF_CLIENTS, *OF_SERVERS} - tried == {"C-CNV-2", "C-FBK-6"}, "see the tests above"
