"""The replay of a recording: read, moved to now, played in order."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.moments import to_ms
from fakes.evolution.replay import Recording, RecordingError
from tests.fakes.evolution.conftest import Sender
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.evolution.receiver import Receiver

SAMPLE = (Path(__file__).parents[2] / "data" / "evolution-webhooks.jsonl").read_text("utf-8")
RECORDED = [json.loads(line) for line in SAMPLE.split("\n") if line]
FAST = 1e6  # effectively infinite, which JSON cannot say


async def play(sender: Sender, recording: str, **how: Any) -> Any:
    """Play to the end; returns what came of it."""
    asked = {"recording": recording, "speed": FAST, **how}
    play_id = (await sender.control.call("POST", "/plays/replay", asked))["id"]
    await until(lambda: sender.evolution.provider.tasks.running == 0)
    play = await sender.control.call("GET", f"/plays/{play_id}")
    assert play["done"]
    return play["result"]


def seconds(body: dict[str, Any]) -> int | None:
    """The moment of a message."""
    second = body["data"].get("messageTimestamp") if isinstance(body["data"], dict) else None
    return second if isinstance(second, int) else None


def without_moments(body: dict[str, Any]) -> dict[str, Any]:
    """A body but for what a replay moves."""
    copy = json.loads(json.dumps(body))
    copy.pop("date_time")
    if isinstance(copy["data"], dict):
        copy["data"].pop("messageTimestamp", None)
    return dict(copy)


async def test_a_recording_is_played_whole_and_in_its_order(
    sender: Sender, receiver: Receiver
) -> None:
    """Every body arrives once, in the recorded order, the same but for its moments."""
    receiver.answers = [200] * (len(RECORDED) - 1) + [403]  # the last is of an unknown instance
    result = await play(sender, SAMPLE)
    assert result == {"posted": 36, "taken": 35, "refused": 1, "stoppedAt": None}
    arrived = [without_moments(body) for body in receiver.bodies]
    assert arrived == [without_moments(line["body"]) for line in RECORDED]


async def test_the_moments_are_moved_to_now(sender: Sender, receiver: Receiver) -> None:
    """Messages keep their distance from the start, which is now; the provider's clock is ours."""
    began = time.time()
    await play(sender, SAMPLE)
    epoch = to_ms("2026-01-01T00:00:00Z") // 1000
    starts = {
        moved - (recorded - epoch)
        for body, line in zip(receiver.bodies, RECORDED, strict=True)
        if (moved := seconds(body)) is not None and (recorded := seconds(line["body"])) is not None
    }
    assert len(starts) == 1
    assert abs(starts.pop() - began) <= 2
    for body in receiver.bodies:
        assert abs(to_ms(body["date_time"]) / 1000 - began) < 10


async def test_speed_divides_the_waiting(sender: Sender, receiver: Receiver) -> None:
    """Two webhooks a second apart come a tenth of a second apart at speed 10."""
    lines = [{"at": at, "body": RECORDED[0]["body"]} for at in (0, 1, 2)]
    arrived: list[float] = []
    began = time.monotonic()
    playing = asyncio.create_task(play(sender, "\n".join(map(json.dumps, lines)), speed=10))
    for count in (1, 2, 3):
        await receiver.arrived(count)
        arrived.append(time.monotonic() - began)
    await playing
    assert 0.2 <= arrived[2] < 1.0
    assert arrived[1] >= 0.1


async def test_fresh_ids_are_new_and_consistent(sender: Sender, receiver: Receiver) -> None:
    """Each id is replaced by one other everywhere: in keys, updates, quotes and reactions."""
    await play(sender, SAMPLE, freshIds=True)
    names: dict[str, str] = {}
    for body, line in zip(receiver.bodies, RECORDED, strict=True):
        for old, new in zip(ids(line["body"]), ids(body), strict=True):
            assert names.setdefault(old, new) == new
            assert old != new
    assert len(set(names.values())) == len(names) == 24
    quoted = receiver.bodies[6]["data"]["message"]["extendedTextMessage"]["contextInfo"]
    assert quoted["stanzaId"] == names["3EB0A1B2C3D4E5F60003"]


def ids(body: dict[str, Any]) -> list[str]:
    """The message ids in a body, in the order in which they stand (a JID is none)."""
    return re.findall(r'"(?:id|keyId|stanzaId)": "([0-9A-F]+)"', json.dumps(body))


async def test_a_replay_stops_where_nobody_answers(sender: Sender, receiver: Receiver) -> None:
    """After every try of one webhook has failed the rest is not played."""
    receiver.answers = [200, 500, 500, 500, 500]
    result = await play(sender, SAMPLE)
    assert result == {"posted": 2, "taken": 1, "refused": 0, "stoppedAt": 2}


async def test_a_replay_can_be_ended(sender: Sender, receiver: Receiver) -> None:
    """An ended replay is done without a result, and posts no more."""
    lines = [{"at": at, "body": RECORDED[0]["body"]} for at in (0, 1000)]
    asked = {"recording": "\n".join(map(json.dumps, lines))}
    play_id = (await sender.control.call("POST", "/plays/replay", asked))["id"]
    await receiver.arrived(1)
    await sender.control.call("DELETE", f"/plays/{play_id}")
    await until(lambda: sender.evolution.provider.tasks.running == 0)
    assert await sender.control.call("GET", f"/plays/{play_id}") == {
        "kind": "replay",
        "done": True,
        "result": None,
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the recording is empty"),
        ("\n\n", "the recording is empty"),
        ("{}", "line 1: Object missing required field `at`"),
        ('{"at": 1, "body": {"date_time": "2026-01-01T00:00:00Z"}}\nx', "line 2: "),
        ('{"at": -1, "body": {}}', "line 1: Expected `float` >= 0.0 - at `$.at`"),
        ('{"at": 1, "body": {}}', "line 1: neither date_time nor messageTimestamp"),
    ],
)
def test_what_is_no_recording_is_told_by_its_line(text: str, sentence: str) -> None:
    """The error names the line and what is wrong with it."""
    with pytest.raises(RecordingError) as caught:
        Recording.read(text)
    assert str(caught.value).startswith(sentence)


def test_a_line_separator_within_a_text_ends_no_line() -> None:
    """U+2028 stands unescaped in JSON texts and is no end of a line."""
    line = {"at": 0, "body": {"date_time": "2026-01-01T00:00:00Z", "x": "a\u2028b"}}
    recording = Recording.read(json.dumps(line, ensure_ascii=False))
    assert recording.lines[0].body["x"] == "a\u2028b"


def test_lines_are_played_by_their_time() -> None:
    """A recording whose lines are out of order is put in order, equal times as they stand."""
    lines = [
        {"at": at, "body": {"date_time": "2026-01-01T00:00:00Z", "n": n}}
        for n, at in enumerate((2, 1, 1, 0))
    ]
    recording = Recording.read("\n".join(map(json.dumps, lines)))
    assert [line.body["n"] for line in recording.lines] == [3, 1, 2, 0]


@given(st.text())
def test_any_text_is_a_recording_or_a_recording_error(text: str) -> None:
    """Nothing but `RecordingError` is raised for a file, whatever is in it."""
    try:
        recording = Recording.read(text)
    except RecordingError:
        return
    assert recording.lines


bodies = st.dictionaries(
    st.sampled_from(["date_time", "data", "event"]),
    st.none()
    | st.integers()
    | st.text()
    | st.fixed_dictionaries({"messageTimestamp": st.none() | st.integers() | st.text()}),
)


@given(st.floats(allow_nan=False, allow_infinity=False), bodies)
def test_any_line_is_read_or_named(at: float, body: dict[str, Any]) -> None:
    """A line of any times and moments is a recording or a `RecordingError`."""
    try:
        recording = Recording.read(msgspec.json.encode({"at": at, "body": body}).decode())
    except RecordingError:
        return
    assert math.isfinite(recording.epoch)
