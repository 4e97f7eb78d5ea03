"""One connection's two directions: bytes in, bytes and faults out, without a socket."""

from hypothesis import given
from hypothesis import strategies as st

from fakes.network import (
    AfterBytes,
    Corrupt,
    Cut,
    Direction,
    Drop,
    Duplicate,
    Fault,
    Heal,
    Hold,
    OnFrame,
    Rule,
    Swap,
)
from fakes.network.streams import Streams
from fakes.network.triggers import Item
from tests.fakes.network.strategies import cuts, frame_faults, frames
from tests.fakes.network.wire import CLIENT_HELLO, Compressor, accepted, frame, receive, sliced

TEXTS = [f'42["message",{number}]'.encode() for number in range(6)]


def streams(*rules: Rule, deflated: bool = False) -> Streams:
    """A connection on which the WebSocket is open, with rules in force from its beginning."""
    made = Streams(1)
    for rule in rules:
        made.arm(rule)
    list(made.feed("to_target", CLIENT_HELLO))
    list(made.feed("to_client", accepted("permessage-deflate" if deflated else "")))
    return made


def feed(made: Streams, pieces: list[bytes], direction: Direction = "to_client") -> list[Item]:
    return [item for piece in pieces for item in made.feed(direction, piece)]


def passed(items: list[Item]) -> bytes:
    return b"".join(item for item in items if isinstance(item, bytes))


def happened(items: list[Item]) -> list[tuple[int, Fault]]:
    """Each fault, and how many bytes had passed before it."""
    found, count = [], 0
    for item in items:
        if isinstance(item, bytes):
            count += len(item)
        else:
            found.append((count, item.rule.fault))
    return found


BOTH: tuple[Direction, ...] = ("to_target", "to_client")
NEVER = Rule(Drop(), OnFrame(prefix="never", contains="there"))


@given(st.binary(max_size=200), cuts(), st.lists(frames(), max_size=4), st.booleans())
def test_without_faults_bytes_are_identical(
    data: bytes, places: list[int], wires: list[bytes], looked_into: bool
) -> None:
    """Before, in and after an upgrade, and where a rule looks into every frame for nothing."""
    for before in (data, accepted(), accepted("permessage-deflate")):
        made = Streams(1)
        if looked_into:
            made.arm(NEVER)
        stream = before + b"".join(wires) + data
        for direction in BOTH:
            out = passed(feed(made, sliced(stream, places), direction)) + made.finish(direction)
            assert out == stream
            assert made.passed(direction) == len(stream)


@given(st.lists(frames(masked=False), max_size=8), cuts(), st.integers(1, 4), frame_faults)
def test_what_becomes_of_frames_does_not_depend_on_slicing(
    wires: list[bytes], places: list[int], nth: int, fault: Fault
) -> None:
    """The same rule makes the same bytes of the same bytes, however they come."""
    rule = Rule(fault, OnFrame(nth=nth, times=2, opcode="text"))
    whole, cut = streams(rule), streams(rule)
    one = feed(whole, [b"".join(wires)])
    other = feed(cut, sliced(b"".join(wires), places))
    assert passed(one) + whole.finish("to_client") == passed(other) + cut.finish("to_client")
    assert happened(one) == happened(other)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 300), cuts())
def test_a_count_of_bytes_is_exact(data: bytes, count: int, places: list[int]) -> None:
    """The fault happens behind byte number `count`, wherever the pieces end."""
    made = Streams(1)
    struck = made.arm(Rule(Cut(), AfterBytes(count, "to_client")))
    items: list[Item] = [*struck, *feed(made, sliced(data, places))]
    assert happened(items) == ([(count, Cut())] if count <= len(data) else [])
    assert passed(items) == data


@given(st.binary(min_size=1, max_size=99), st.integers(0, 99), st.integers(1, 9), cuts())
def test_corrupted_bytes_are_where_they_were_counted(
    data: bytes, at: int, size: int, places: list[int]
) -> None:
    """`size` bytes are XORed, behind `count` and `offset` together; the others are as they were."""
    made = Streams(1)
    made.arm(Rule(Corrupt(size, 0x0F, offset=at // 2), AfterBytes(at - at // 2, "to_client")))
    out = passed(feed(made, sliced(data, places)))
    assert out == bytes(b ^ 0x0F if at <= i < at + size else b for i, b in enumerate(data))


def test_rules_count_from_when_they_are_armed() -> None:
    """In force later, bytes and frames are counted from then on; 0 is at once."""
    made = streams()
    head = made.passed("to_client")
    feed(made, [frame(b"a"), frame(b"b")])
    (now,) = made.arm(Rule(Cut()))
    assert now.pin.on == AfterBytes(head + 6, "to_client")
    made.arm(Rule(Drop(), OnFrame(nth=2, direction="to_client")))
    made.arm(Rule(Heal(), AfterBytes(4, "to_client")))
    items = feed(made, [frame(b"c"), frame(b"d"), frame(b"e")])
    assert passed(items) == frame(b"c") + frame(b"e")
    pins = [item.pin.on for item in items if not isinstance(item, bytes)]
    assert pins == [OnFrame(nth=4, direction="to_client"), AfterBytes(head + 10, "to_client")]


def test_a_frame_fault_is_for_the_frames_that_match() -> None:
    """Opcode, prefix, substring and pattern have to hold, all that are given."""
    rule = Rule(
        Drop(),
        OnFrame(times=None, opcode="text", prefix="4", contains="age", regex=r"[24]\]$"),
    )
    wires = [frame(text) for text in TEXTS]
    wires += [frame(TEXTS[2], "binary"), frame(b'52["message",2]'), frame(b'42["typing",2]')]
    assert passed(feed(streams(rule), [b"".join(wires)])) == b"".join(
        wire for number, wire in enumerate(wires) if number not in (2, 4)
    )


def test_each_direction_counts_its_own_frames() -> None:
    """`both` is each for itself; what ends a connection happens once."""
    made = streams(Rule(Drop(), OnFrame(nth=2)), Rule(Cut(), OnFrame(nth=3)))
    key = b"\1\2\3\4"
    up = [frame(text, key=key) for text in TEXTS[:4]]
    down = [frame(text) for text in TEXTS[:4]]
    to_target = feed(made, up, "to_target")
    to_client = feed(made, down, "to_client")
    assert passed(to_target) == b"".join(up[:1] + up[2:])
    assert passed(to_client) == b"".join(down[:1] + down[2:])
    faults = [item.rule.fault for item in to_target + to_client if not isinstance(item, bytes)]
    assert faults == [Drop(), Cut(), Drop()]


def order(*rules: Rule, end: bool = False) -> list[int]:
    """The numbers of the texts that arrive, in order, under these rules."""
    made = streams(*rules)
    out = passed(feed(made, [frame(text) for text in TEXTS]))
    out += made.finish("to_client") if end else b""
    return [TEXTS.index(payload) for payload in receive(out)]


def test_frames_are_dropped_duplicated_and_swapped() -> None:
    """The n-th that matches, `times` of them in a row, or all."""
    assert order(Rule(Drop(), OnFrame(nth=2))) == [0, 2, 3, 4, 5]
    assert order(Rule(Drop(), OnFrame(nth=2, times=3))) == [0, 4, 5]
    assert order(Rule(Drop(), OnFrame(nth=5, times=None))) == [0, 1, 2, 3]
    assert order(Rule(Duplicate(2), OnFrame(nth=6))) == [0, 1, 2, 3, 4, 5, 5, 5]
    twice = (Rule(Duplicate(2), OnFrame()), Rule(Duplicate(1), OnFrame()))
    assert order(*twice) == [0, 0, 0, 0, 1, 2, 3, 4, 5]
    assert order(Rule(Swap(), OnFrame(nth=2))) == [0, 2, 1, 3, 4, 5]
    assert order(Rule(Swap(), OnFrame(times=None))) == [1, 0, 3, 2, 5, 4]
    assert order(Rule(Swap(), OnFrame()), Rule(Drop(), OnFrame(nth=2))) == [0, 2, 3, 4, 5]
    assert order(Rule(Swap(), OnFrame()), Rule(Duplicate(), OnFrame())) == [1, 0, 0, 2, 3, 4, 5]


def test_a_frame_swapped_with_none_comes_at_the_end() -> None:
    """No byte is lost for want of a next frame."""
    assert order(Rule(Swap(), OnFrame(nth=6))) == [0, 1, 2, 3, 4]
    assert order(Rule(Swap(), OnFrame(nth=6)), end=True) == [0, 1, 2, 3, 4, 5]


def test_a_swapped_frame_waits_past_pings() -> None:
    """Swapping a message with a ping would change nothing that anybody sees."""
    made = streams(Rule(Swap(), OnFrame(opcode="text")))
    wires = [frame(b"a"), frame(b"", "ping"), frame(b"b")]
    assert passed(feed(made, wires)) == wires[1] + wires[2] + wires[0]


def test_a_frame_that_waits_outlives_its_rule() -> None:
    """Forgetting the rules loses no byte."""
    made = streams(Rule(Swap(), OnFrame()))
    feed(made, [frame(b"a")])
    made.disarm()
    assert passed(feed(made, [frame(b"b"), frame(b"c")])) == frame(b"b") + frame(b"a") + frame(b"c")


def test_faults_happen_around_frames() -> None:
    """Hold in front of the frame, others behind it, and in front with `before`."""
    size = len(frame(TEXTS[0]))
    for rule, at in (
        (Rule(Hold(), OnFrame(nth=2)), size),
        (Rule(Cut(), OnFrame(nth=2)), 2 * size),
        (Rule(Cut(), OnFrame(nth=2, before=True)), size),
    ):
        items = feed(streams(rule), [b"".join(frame(text) for text in TEXTS)])
        assert happened(items) == [(at, rule.fault)]


@given(
    st.sampled_from((Drop(), Duplicate(), Swap())),
    st.integers(1, 6),
    st.sampled_from((b"", b"\1\2\3\4")),
    cuts(),
)
def test_compressed_frames_are_matched_and_stay_readable(
    fault: Fault, nth: int, key: bytes, places: list[int]
) -> None:
    """Though later messages refer to those that were dropped, the peer reads every one."""
    compressor = Compressor()
    wire = b"".join(compressor.frame(text, key=key) for text in TEXTS)
    direction: Direction = "to_target" if key else "to_client"
    made = streams(Rule(fault, OnFrame(prefix="42", contains=f",{nth - 1}]")), deflated=True)
    out = passed(feed(made, sliced(wire, places), direction)) + made.finish(direction)
    expected = order(Rule(fault, OnFrame(nth=nth)), end=True)
    assert [TEXTS.index(payload) for payload in receive(out)] == expected


def test_compressed_frames_that_are_only_looked_at_pass_as_they_came() -> None:
    """Byte for byte: nothing is compressed anew."""
    compressor = Compressor()
    wire = b"".join(compressor.frame(text) for text in TEXTS)
    made = streams(Rule(Cut(), OnFrame(contains=",4]")), deflated=True)
    items = feed(made, [wire])
    assert passed(items) == wire
    assert len(happened(items)) == 1


def test_a_payload_that_cannot_be_known_matches_no_pattern() -> None:
    """A compressed frame without an agreement, or one that is broken: only its opcode counts."""
    for made in (
        streams(Rule(Drop(), OnFrame(contains=""))),
        streams(Rule(Drop(), OnFrame(opcode="text")), deflated=True),
    ):
        assert passed(feed(made, [frame(b"\xff\xff", compressed=True)])) == b""
    for deflated in (True, False):
        made = streams(Rule(Drop(), OnFrame(contains="a")), deflated=deflated)
        wire = frame(b"\xff\xff\xffa", compressed=True)
        assert passed(feed(made, [wire])) == wire


def test_behind_a_frame_too_long_to_inflate_nothing_is_known() -> None:
    """It passes, and so does what may refer to it; frames are still counted."""
    made = streams(Rule(Drop(), OnFrame(prefix="42")), Rule(Cut(), OnFrame(nth=2)), deflated=True)
    wire = frame(bytes(2**24 + 1), compressed=True) + Compressor().frame(TEXTS[0])
    items = feed(made, sliced(wire, range(0, len(wire), 2**20)))
    assert passed(items) == wire
    assert made.frames("to_client") == 2


@given(st.lists(st.sampled_from((Drop(), Duplicate(), Swap())), max_size=3), cuts())
def test_a_replay_does_the_same(faults: list[Fault], places: list[int]) -> None:
    """The pins of what happened make the same bytes of the same bytes."""
    rules = [Rule(fault, OnFrame(nth=n, times=2, prefix="42")) for n, fault in enumerate(faults, 1)]
    data = b"".join(frame(text) for text in TEXTS)
    first = streams(*rules)
    items = feed(first, sliced(data, places))
    again = streams(*(item.pin for item in items if not isinstance(item, bytes)))
    assert passed(feed(again, [data])) == passed(items)


def test_frames_are_counted_without_any_rule() -> None:
    """So that a rule that comes later starts at the right byte."""
    made = streams()
    feed(made, sliced(b"".join(frame(text) for text in TEXTS), range(0, 200, 3)))
    assert (made.frames("to_client"), made.frames("to_target")) == (6, 0)
