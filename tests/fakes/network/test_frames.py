"""Frames out of bytes, the upgrade before them, the compression in them: no sockets."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.network.compression import Inflater, TooMuch
from fakes.network.frames import Frame, FrameReader
from fakes.network.upgrade import Upgraded, UpgradeWatch
from tests.fakes.network.strategies import cuts, frames
from tests.fakes.network.wire import Compressor, accepted, frame, sliced


def read(reader: FrameReader, pieces: list[bytes]) -> list[Frame | bytes]:
    return [item for piece in pieces for item in reader.feed(piece)]


@given(st.lists(frames(), max_size=8), cuts())
def test_any_slicing_gives_the_same_frames(wires: list[bytes], places: list[int]) -> None:
    """However the kernel cuts a stream, the frames in it come out whole and as they were."""
    reader = FrameReader(longest=70_000)
    found = read(reader, sliced(b"".join(wires), places))
    assert [item.wire for item in found if isinstance(item, Frame)] == wires
    assert (reader.count, reader.rest()) == (len(wires), b"")


@given(st.lists(frames(), max_size=8), cuts(), st.sampled_from((-1, 0, 50, 126)))
def test_long_frames_pass_in_pieces_and_are_counted(
    wires: list[bytes], places: list[int], longest: int
) -> None:
    """No byte is lost or moved, whatever comes whole."""
    reader = FrameReader(longest)
    found = read(reader, sliced(b"".join(wires), places))
    assert b"".join(f.wire if isinstance(f, Frame) else f for f in found) == b"".join(wires)
    assert all(len(f.wire) - f.head <= longest for f in found if isinstance(f, Frame))
    assert (reader.count, reader.rest()) == (len(wires), b"")


@given(st.binary(max_size=300), cuts(), st.sampled_from((-1, 20, 2**24)))
def test_bytes_that_are_no_frames_pass(data: bytes, places: list[int], longest: int) -> None:
    """Nothing is raised and nothing is lost; what never became a frame is the rest."""
    reader = FrameReader(longest)
    found = read(reader, sliced(data, places))
    passed = b"".join(f.wire if isinstance(f, Frame) else f for f in found)
    assert passed + reader.rest() == data


def test_a_frame_says_what_it_is() -> None:
    """Opcode, last frame, compression and payload, masked or not."""
    (text,) = FrameReader(99).feed(frame("olá".encode(), key=b"\x10\x20\x30\x40"))
    assert isinstance(text, Frame)
    assert (text.opcode, text.is_last, text.is_compressed) == ("text", True, False)
    assert text.payload.decode() == "olá"
    (ping,) = FrameReader(99).feed(frame(b"", "ping"))
    assert isinstance(ping, Frame)
    assert (ping.opcode, ping.is_control, ping.payload) == ("ping", True, b"")
    (reserved,) = FrameReader(99).feed(b"\x83\x00")
    assert isinstance(reserved, Frame)
    assert reserved.opcode is None


@given(
    st.binary(max_size=200), st.binary(max_size=70_000), st.sampled_from((b"", b"\x01\x02\x03\x04"))
)
def test_a_payload_can_be_replaced(before: bytes, after: bytes, key: bytes) -> None:
    """The frame is what its sender would have written, with the same key and no compression."""
    (found,) = FrameReader(2**20).feed(frame(before, key=key, compressed=True))
    assert isinstance(found, Frame)
    assert found.plain(after).wire == frame(after, key=key)


@pytest.mark.parametrize("key", [b"", b"\x01\x02\x03\x04"])
def test_a_payload_can_be_corrupted(key: bytes) -> None:
    """Bits flip in the payload, as far as it goes, and nowhere else."""
    (found,) = FrameReader(99).feed(frame(b"abcd", key=key))
    assert isinstance(found, Frame)
    assert found.corrupted(1, 2, 0x20).wire == frame(b"aBCd", key=key)
    assert found.corrupted(3, 9, 0x20).wire == frame(b"abcD", key=key)
    assert found.corrupted(9, 1, 0x20).wire == found.wire


@given(st.lists(st.binary(max_size=100), max_size=6))
def test_compressed_messages_are_inflated_in_order(payloads: list[bytes]) -> None:
    """Later messages refer to earlier ones, and to those that were not asked for."""
    compressor, inflater = Compressor(), Inflater(1000)
    for payload in payloads:
        (found,) = FrameReader(1000).feed(compressor.frame(payload))
        assert isinstance(found, Frame)
        assert inflater.payload(found) == payload


def test_a_compressed_message_in_fragments_is_inflated() -> None:
    """Only its first frame says that it is compressed; a ping between them is not."""
    deflate = zlib.compressobj(wbits=-15)
    data = (deflate.compress(b"one two three") + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    wire = (
        frame(data[:4], last=False, compressed=True)
        + frame(b"p", "ping")
        + frame(data[4:], "continuation")
    )
    inflater = Inflater(99)
    payloads = [inflater.payload(f) for f in FrameReader(99).feed(wire) if isinstance(f, Frame)]
    assert payloads[1] == b"p"
    assert payloads[0] + payloads[2] == b"one two three"


def test_a_last_block_within_the_stream_is_read_over() -> None:
    """A sender may end its deflate stream with a message and begin another (RFC 7692, 7.2.3.4)."""
    inflater = Inflater(99)
    for text in (b"first", b"second"):
        deflate = zlib.compressobj(wbits=-15)
        data = deflate.compress(text) + deflate.flush(zlib.Z_FINISH) + b"\x00"
        (found,) = FrameReader(99).feed(frame(data, compressed=True))
        assert isinstance(found, Frame)
        assert inflater.payload(found) == text


@pytest.mark.parametrize(
    "wire",
    [frame(b"\xff\xff\xff", compressed=True), Compressor().frame(bytes(100_000))],
    ids=["not deflated", "a bomb"],
)
def test_what_is_not_deflated_or_too_much_is_told(wire: bytes) -> None:
    """A bomb is not inflated further than anybody looks."""
    (found,) = FrameReader(2**20).feed(wire)
    assert isinstance(found, Frame)
    with pytest.raises(TooMuch):
        Inflater(1000).payload(found)


@given(cuts())
def test_the_upgrade_is_found_however_it_is_cut(places: list[int]) -> None:
    """Frames begin right behind the head of the answer 101."""
    watch, rest = UpgradeWatch(), b"\x81\x01x"
    watch.asked()
    pieces = sliced(accepted("permessage-deflate") + rest, places)
    for number, piece in enumerate(pieces):
        found = watch.answered(piece)
        if found:
            assert found.deflated
            assert piece[found.at :] + b"".join(pieces[number + 1 :]) == rest
            return
    pytest.fail("no upgrade was found")


def test_a_client_that_speaks_before_the_answer_is_whole_changes_nothing() -> None:
    """The head goes on where it was."""
    watch, head = UpgradeWatch(), accepted()
    watch.asked()
    assert watch.answered(head[:40]) is None
    watch.asked()
    assert watch.answered(head[40:]) == Upgraded(len(head) - 40, deflated=False)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"\x16\x03\x01",
        b"HTTP/1.1 101" + b"x" * 200_000 + b"\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_another_answer_is_no_upgrade(answer: bytes) -> None:
    """Nor is one that nobody asked for."""
    watch = UpgradeWatch()
    watch.asked()
    assert [watch.answered(piece) for piece in sliced(answer, range(0, 10**6, 50_000))][-1] is None
    assert UpgradeWatch().answered(accepted()) is None


def test_an_upgrade_is_found_behind_other_answers() -> None:
    """A kept-alive connection may have served requests before."""
    watch = UpgradeWatch()
    watch.asked()
    assert watch.answered(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") is None
    watch.asked()
    head = accepted()
    assert watch.answered(head) == Upgraded(len(head), deflated=False)
