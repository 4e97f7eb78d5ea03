"""WebSocket frames: RFC 6455 with permessage-deflate."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.packets import PacketError
from chatengine.packets.websocket import (
    Deflate,
    Frame,
    FrameReader,
    Opcode,
    frame_close,
    frame_of,
)

LIMIT = 70_000
MASK = b"\x01\x02\x03\x04"
masks = st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=300) | st.sampled_from([125, 126, 65_535, 65_536]).map(bytes)


def _read(data: bytes, reader: FrameReader | None = None) -> list[Frame]:
    return list((reader or FrameReader(LIMIT)).feed(data))


@given(st.lists(st.tuples(payloads, masks), max_size=4), st.lists(st.integers(0, 2000)))
def test_frames_survive_any_cut_of_the_stream(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    """However TCP splits the bytes, the same messages come out, in order."""
    stream = b"".join(frame_of(Opcode.BINARY, payload, mask) for payload, mask in sent)
    reader, received, start = FrameReader(LIMIT), list[Frame](), 0
    for cut in [*sorted(cuts), len(stream)]:
        received += reader.feed(stream[start : max(cut, start)])
        start = max(cut, start)
    assert [frame.data for frame in received] == [payload for payload, _ in sent]


@given(st.lists(st.binary(max_size=40)), st.booleans())
def test_whatever_arrives_is_a_frame_or_a_packet_error(chunks: list[bytes], masked: bool) -> None:
    """No input makes the reader raise anything but PacketError."""
    reader = FrameReader(LIMIT, masked=masked, deflate=Deflate())
    with suppress(PacketError):
        for chunk in chunks:
            list(reader.feed(chunk))


@given(st.binary(max_size=2000), masks)
def test_a_compressed_message_survives(payload: bytes, mask: bytes) -> None:
    """What is deflated is inflated to the same bytes."""
    reader = FrameReader(LIMIT, deflate=Deflate())
    frame = frame_of(Opcode.BINARY, Deflate().compress(payload), mask, compressed=True)
    assert _read(frame, reader) == [Frame(Opcode.BINARY, payload)]


@given(st.binary(max_size=40))
def test_whatever_is_called_compressed_inflates_or_is_refused(payload: bytes) -> None:
    """Bytes that are no deflate stream are a PacketError."""
    reader = FrameReader(LIMIT, deflate=Deflate())
    with suppress(PacketError):
        _read(frame_of(Opcode.BINARY, payload, MASK, compressed=True), reader)


def test_a_server_frame_is_as_the_rfc_shows_it() -> None:
    """The examples of RFC 6455, 5.7, and the empty close frame."""
    assert frame_of(Opcode.TEXT, b"Hello") == b"\x81\x05Hello"
    assert frame_of(Opcode.BINARY, bytes(256)) == b"\x82\x7e\x01\x00" + bytes(256)
    assert frame_of(Opcode.BINARY, bytes(65536))[:10] == b"\x82\x7f" + (65536).to_bytes(8, "big")
    assert frame_close() == b"\x88\x00"
    assert frame_close(1009) == b"\x88\x02\x03\xf1"


def test_a_client_frame_is_as_the_rfc_shows_it() -> None:
    """The masked "Hello" of RFC 6455, 5.7, is read and written."""
    wire = bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame_of(Opcode.TEXT, b"Hello", bytes.fromhex("37fa213d")) == wire
    assert _read(wire) == [Frame(Opcode.TEXT, "Hello")]


def test_a_client_reads_frames_that_are_not_masked() -> None:
    """On the client's side the rule of masking is the other way round."""
    assert _read(frame_of(Opcode.TEXT, b"x"), FrameReader(LIMIT, masked=False)) == [
        Frame(Opcode.TEXT, "x")
    ]
    with pytest.raises(PacketError, match="a masked frame"):
        _read(frame_of(Opcode.TEXT, b"x", MASK), FrameReader(LIMIT, masked=False))


def test_fragments_are_joined_around_control_frames() -> None:
    """A ping between two fragments is delivered first; a character may be split by them."""
    euro = "€".encode()
    first = b"\x01\x81" + MASK + frame_of(Opcode.TEXT, euro[:1], MASK)[6:]
    ping = frame_of(Opcode.PING, b"p", MASK)
    rest = b"\x80\x82" + MASK + frame_of(Opcode.TEXT, euro[1:], MASK)[6:]
    assert _read(first + ping + rest) == [Frame(Opcode.PING, b"p"), Frame(Opcode.TEXT, "€")]


def test_a_close_frame_has_its_code() -> None:
    """Code and reason of a close frame are told apart; neither is needed."""
    assert _read(frame_of(Opcode.CLOSE, b"\x03\xe9bye", MASK)) == [
        Frame(Opcode.CLOSE, b"bye", 1001)
    ]
    assert _read(frame_of(Opcode.CLOSE, b"", MASK)) == [Frame(Opcode.CLOSE, b"")]


def _bomb() -> bytes:
    return frame_of(Opcode.BINARY, Deflate().compress(bytes(LIMIT + 1)), MASK, compressed=True)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(b"\xa1\x80" + MASK, 1002, id="RSV2"),
        pytest.param(b"\x91\x80" + MASK, 1002, id="RSV3"),
        pytest.param(b"\xc8\x80" + MASK, 1002, id="RSV1 on a control frame"),
        pytest.param(b"\xc0\x80" + MASK, 1002, id="RSV1 on a continuation"),
        pytest.param(b"\x83\x80" + MASK, 1002, id="unknown opcode"),
        pytest.param(b"\x81\x01x", 1002, id="not masked"),
        pytest.param(b"\x09\x80" + MASK, 1002, id="fragmented ping"),
        pytest.param(b"\x89\xfe\x00\x7e", 1002, id="long ping"),
        pytest.param(b"\x80\x80" + MASK, 1002, id="continuation of nothing"),
        pytest.param((b"\x01\x80" + MASK) * 2, 1002, id="message within a message"),
        pytest.param(frame_of(Opcode.CLOSE, b"x", MASK), 1002, id="half a close code"),
        pytest.param(frame_of(Opcode.CLOSE, b"\x03\xed", MASK), 1002, id="close code 1005"),
        pytest.param(frame_of(Opcode.CLOSE, b"\x03\xe8\xff", MASK), 1007, id="reason not UTF-8"),
        pytest.param(frame_of(Opcode.TEXT, b"\xff", MASK), 1007, id="text not UTF-8"),
        pytest.param(
            b"\x82\xff" + (LIMIT + 1).to_bytes(8, "big"), 1009, id="too big by its header"
        ),
        pytest.param(b"\x82\xff" + b"\xff" * 8, 1009, id="sixteen exabytes"),
        pytest.param(
            b"\x02" + frame_of(Opcode.BINARY, bytes(LIMIT), MASK)[1:] + b"\x80\x81" + MASK + b"x",
            1009,
            id="too big by its fragments",
        ),
        pytest.param(_bomb(), 1009, id="too big when inflated"),
    ],
)
def test_violations_have_their_close_codes(wire: bytes, code: int) -> None:
    """Each rule of RFC 6455, 5 and 7.4, that a client breaks is a PacketError with its code."""
    with pytest.raises(PacketError) as caught:
        _read(wire, FrameReader(LIMIT, deflate=Deflate()))
    assert caught.value.close_code == code


def test_compression_must_have_been_granted() -> None:
    """RSV1 without permessage-deflate is a reserved bit like the others."""
    with pytest.raises(PacketError, match="a reserved bit is set"):
        _read(b"\xc1\x80" + MASK)


def test_frames_before_a_violation_are_delivered() -> None:
    """What came whole before the fault is not lost with it."""
    frames = FrameReader(LIMIT).feed(frame_of(Opcode.TEXT, b"a", MASK) + b"\x83\x80")
    assert next(frames) == Frame(Opcode.TEXT, "a")
    with pytest.raises(PacketError, match="unknown opcode 3"):
        next(frames)
