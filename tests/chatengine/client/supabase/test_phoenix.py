"""Frames: what is sent, and that nothing but frames is read."""

import json

import pytest

from chatengine.client.supabase import phoenix
from chatengine.client.supabase.phoenix import Binding, FrameError, Reply

BINDINGS = (
    Binding("INSERT", "messages", "conversation_id=eq.c-1"),
    Binding("UPDATE", "messages", "conversation_id=eq.c-1"),
)


def answered(*, changed: dict[str, object] | None = None, at: int = 0) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = [
        {"id": 11, "event": "INSERT", "schema": "public", "table": "messages"},
        {"id": 22, "event": "UPDATE", "schema": "public", "table": "messages"},
    ]
    for entry in entries:
        entry["filter"] = "conversation_id=eq.c-1"
    entries[at] |= changed or {}
    return entries


def change(**data: object) -> bytes:
    row = {"table": "messages", "type": "INSERT", "record": {}} | data
    payload = {"ids": [1], "data": row}
    return json.dumps([None, None, "realtime:t", "postgres_changes", payload]).encode()


def test_a_join_as_it_is_sent() -> None:
    """A join asks for changes alone and carries the token."""
    payload = phoenix.join_payload(BINDINGS, "token")
    frame = phoenix.encode("1", "2", "realtime:messages-c-1", phoenix.JOIN, payload)
    asked = {"schema": "public", "table": "messages", "filter": "conversation_id=eq.c-1"}
    assert json.loads(frame) == [
        "1",
        "2",
        "realtime:messages-c-1",
        "phx_join",
        {
            "config": {
                "broadcast": {"ack": False, "self": False},
                "presence": {"key": "", "enabled": False},
                "postgres_changes": [{"event": "INSERT"} | asked, {"event": "UPDATE"} | asked],
                "private": False,
            },
            "access_token": "token",
        },
    ]


def test_a_frame_as_it_is_read() -> None:
    """A frame's five fields, null references included."""
    frame = phoenix.decode(b'[null, "7", "phoenix", "phx_reply", {"status": "ok"}]')
    assert (frame.join_ref, frame.ref, frame.topic) == (None, "7", "phoenix")
    assert phoenix.read_reply(frame) == Reply("ok")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b'["1", "2", "t", "e"]',
        b'["1", "2", "t", "e", {}, 6]',
        b'[1, "2", "t", "e", {}]',
        b'["1", "2", null, "e", {}]',
        b'["1", "2", "t", null, {}]',
        b'["1", "2", "\xff", "e", {}]',
        b'["1", "2", "t", "e", {}',
        b'["1", "2", "t", "e", nonsense]',
        b"[" * 100_000,
        b'["1", "2", "t", "e", ' + b"[" * 100_000 + b"]" * 100_000 + b"]",
        b'["1", "2", "t", "e", "' + b"x" * phoenix.MOST_BYTES + b'"]',
    ],
    ids=lambda data: repr(data[:30]),
)
def test_no_frame(data: bytes) -> None:
    """Whatever is no frame is one error, and no other."""
    with pytest.raises(FrameError):
        phoenix.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        change(record=[]),
        change(table=None),
        change(type=5),
        change(errors="Error 413"),
        change(errors=[413]),
        b'[null, null, "realtime:t", "postgres_changes", null]',
        b'[null, null, "realtime:t", "postgres_changes", {"ids": [1]}]',
        b'[null, null, "realtime:t", "postgres_changes", {"ids": [null], "data": {}}]',
        b'[null, null, "realtime:t", "postgres_changes", {"ids": "1", "data": {}}]',
        b'[null, null, "t", "postgres_changes", {"ids": [], "data": "\xff"}]',
    ],
    ids=lambda data: repr(data[40:90]),
)
def test_no_change(data: bytes) -> None:
    """C-MSG-7: a change with wrong types is one error, and no other."""
    with pytest.raises(FrameError):
        phoenix.read_change(phoenix.decode(data))


def test_a_change() -> None:
    """A change needs neither `columns` nor a time, and may have any other field."""
    read = phoenix.read_change(phoenix.decode(change(record={"id": "r"}, columns=5)))
    assert (read.ids, read.data.record, read.data.errors) == ([1], {"id": "r"}, None)


def test_the_ids_of_a_join() -> None:
    """The answer's bindings are matched by index; further ones do not matter."""
    entries = [*answered(), {"id": 33}]
    assert phoenix.bound_ids(Reply("ok", {"postgres_changes": entries}), BINDINGS) == (11, 22)


@pytest.mark.parametrize(
    "response",
    [
        None,
        [],
        {},
        {"postgres_changes": None},
        {"postgres_changes": answered()[:1]},
        {"postgres_changes": answered()[::-1]},
        {"postgres_changes": answered(changed={"event": "DELETE"})},
        {"postgres_changes": answered(changed={"schema": "private"}, at=1)},
        {"postgres_changes": answered(changed={"table": "conversations"})},
        {"postgres_changes": answered(changed={"filter": "conversation_id=eq.c-2"}, at=1)},
        {"postgres_changes": answered(changed={"id": None})},
        {"postgres_changes": [1, 2]},
    ],
    ids=str,
)
def test_a_mismatch(response: object) -> None:
    """An answer with other bindings than were asked for has no ids."""
    assert phoenix.bound_ids(Reply("ok", response), BINDINGS) is None


@pytest.mark.parametrize(
    ("system", "subscribed"),
    [
        ({"status": "ok", "extension": "postgres_changes"}, True),
        ({"status": "ok", "extension": "system", "message": "Server requested disconnect"}, False),
        ({"status": "error", "extension": "postgres_changes"}, False),
    ],
)
def test_what_counts_as_subscribed(system: dict[str, str], subscribed: bool) -> None:
    """Only an ok of `postgres_changes` says that the subscription is there."""
    frame = phoenix.decode(json.dumps(["1", None, "t", "system", system]).encode())
    assert phoenix.read_system(frame).subscribed is subscribed
