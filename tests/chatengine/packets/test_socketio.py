"""Socket.IO packets: the rules of revision 5 and of Node's parser."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.packets import PacketError
from chatengine.packets.socketio import (
    RESERVED_EVENTS,
    Decoder,
    Packet,
    PacketType,
    encode,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | texts
)


def _values(leaves: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    keys = texts.filter(lambda key: key != "_placeholder")
    grow = lambda inner: st.lists(inner) | st.dictionaries(keys, inner)  # noqa: E731
    return st.recursive(leaves, grow, max_leaves=most)


plain = _values(scalars, 20)
with_bytes = _values(scalars | st.binary(), 5)  # of at most five leaves: below the limit of ten
names = texts.filter(lambda name: name not in RESERVED_EVENTS) | st.integers(0, 9)
events = st.builds(lambda name, rest: [name, *rest], names, st.lists(with_bytes, max_size=2))
namespaces = st.just("/") | st.from_regex(r"\A/[a-z?=0-9]{1,8}\Z")
ack_ids = st.none() | st.integers(0, 2**53 - 1)
packets = st.one_of(
    st.builds(Packet, st.just(PacketType.CONNECT), namespaces, st.none()),
    st.builds(
        Packet, st.just(PacketType.CONNECT), namespaces, st.dictionaries(texts, plain, max_size=3)
    ),
    st.builds(Packet, st.just(PacketType.DISCONNECT), namespaces),
    st.builds(Packet, st.just(PacketType.EVENT), namespaces, events, ack_ids),
    st.builds(
        Packet, st.just(PacketType.ACK), namespaces, st.lists(with_bytes, max_size=2), ack_ids
    ),
    st.builds(Packet, st.just(PacketType.CONNECT_ERROR), namespaces, texts),
)


def _decode(messages: list[str | bytes]) -> Packet:
    """The packet that these messages make; only the last of them completes it."""
    decoder = Decoder()
    *first, last = messages
    assert [decoder.add(message) for message in first] == [None] * len(first)
    packet = decoder.add(last)
    assert packet is not None
    return packet


@given(packets)
def test_a_packet_survives_the_wire(packet: Packet) -> None:
    """What is encoded decodes to the same packet, attachments in their places."""
    assert _decode(encode(packet)) == packet


@given(st.lists(st.one_of(st.text(), st.binary(), st.from_regex(r"\A[0-6][0-9/,{\[\"-]*\Z"))))
def test_whatever_arrives_is_a_packet_or_a_packet_error(messages: list[str | bytes]) -> None:
    """No input makes the decoder raise anything but PacketError."""
    decoder = Decoder()
    with suppress(PacketError):
        for message in messages:
            decoder.add(message)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(PacketType.CONNECT)),
        ('0{"token":"123"}', Packet(PacketType.CONNECT, data={"token": "123"})),
        ("0/random", Packet(PacketType.CONNECT, "/random")),
        ('0/admin,{"a":1}', Packet(PacketType.CONNECT, "/admin", {"a": 1})),
        ("1/admin,", Packet(PacketType.DISCONNECT, "/admin")),
        ('2["foo"]', Packet(PacketType.EVENT, data=["foo"])),
        ("2[7]", Packet(PacketType.EVENT, data=[7])),
        ('2/admin,12["foo"]', Packet(PacketType.EVENT, "/admin", ["foo"], 12)),
        ("3/admin,13[]", Packet(PacketType.ACK, "/admin", [], 13)),
        ('4"no"', Packet(PacketType.CONNECT_ERROR, data="no")),
        ('50-["foo"]', Packet(PacketType.EVENT, data=["foo"])),
        ('60-1["foo"]', Packet(PacketType.ACK, data=["foo"], id=1)),
    ],
)
def test_the_forms_of_the_protocol_text(text: str, packet: Packet) -> None:
    """The examples of the protocol's specification are read as it says."""
    assert _decode([text]) == packet


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "7", "9[]", "2", "2{}", "2[]", "2[null]", "2[true]", '2["a"', "2null",
        '2abc["a"]', '2["connect"]', '2["connect_error"]', '2["disconnect"]',
        '2["disconnecting"]', '2["newListener"]', '2["removeListener"]',
        "3", "3{}", '31"a"', "0[]", "0null", '0"x"', "1{}", '1"x"', "4", "4[]", "41", "4null",
        '5["a"]', '5-["a"]', '5x-["a"]', '5-1-["a"]', '511-["a"]', '599999999999-["a"]', "51-{}",
        '29007199254740992["a"]', "2" + "1" * 5000 + '["a"]', '2["a",NaN]', '2["\\ud83d",NaN]',
        "2" + "[" * 100_000, '2["a",' + "[" * 100_000 + "]" * 100_000 + "]",
    ],
)  # fmt: skip
def test_malformed_text_is_refused(text: str) -> None:
    """Types, ids, attachment counts, data and nesting out of the rules are errors."""
    with pytest.raises(PacketError):
        Decoder().add(text)


@pytest.mark.parametrize("placeholder", ["1", "-1", "0.5", "null", '"0"', "true", "[]"])
def test_a_placeholder_needs_its_attachment(placeholder: str) -> None:
    """A number that no attachment has is an error."""
    decoder = Decoder()
    decoder.add(f'51-["a",{{"_placeholder":true,"num":{placeholder}}}]')
    with pytest.raises(PacketError, match="a placeholder without its attachment"):
        decoder.add(b"x")


def test_attachments_come_in_the_order_announced() -> None:
    """Placeholders are replaced by number, wherever they are nested."""
    text = '52-["a",{"x":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}]'
    assert _decode([text, b"0", b"1"]).data == ["a", {"x": [b"1"]}, b"0"]


def test_text_between_attachments_is_refused() -> None:
    """An attachment that is due cannot be a text."""
    decoder = Decoder()
    decoder.add('51-["a",{"_placeholder":true,"num":0}]')
    with pytest.raises(PacketError, match="text where a binary attachment was due"):
        decoder.add('2["b"]')


def test_an_attachment_out_of_place_is_refused() -> None:
    """Binary data needs a packet that announced it."""
    with pytest.raises(PacketError, match="binary data outside of a packet"):
        Decoder().add(b"x")


def test_the_decoder_is_ready_again_after_a_binary_packet() -> None:
    """A packet announced with attachments, none of them included, does not stick."""
    decoder = Decoder()
    for text in ('50-["a"]', '2["b"]'):
        assert decoder.add(text) is not None


def test_half_a_surrogate_pair_is_read_as_a_replacement_character() -> None:
    """What JavaScript cut in the middle of an emoji is text, not an error."""
    packet = Decoder().add(r'2["a","x\ud83d","\ud83d\ude00"]')
    assert packet is not None
    assert packet.data == ["a", "x\ufffd", "\U0001f600"]


@pytest.mark.parametrize("data", [["a", object()], ["a", "\ud83d"], ["a", {None: 1}]])
def test_what_json_cannot_hold_is_not_sent(data: list[Any]) -> None:
    """Data of our own that cannot be encoded is the same error."""
    with pytest.raises(PacketError, match="cannot be encoded as JSON"):
        encode(Packet(PacketType.EVENT, data=data))


def test_a_cycle_is_not_sent() -> None:
    """Data that contains itself is the same error."""
    data: list[Any] = ["a"]
    data.append(data)
    with pytest.raises(PacketError, match="nested too deeply"):
        encode(Packet(PacketType.EVENT, data=data))


def test_binary_data_is_for_events_and_acks() -> None:
    """A CONNECT cannot carry attachments."""
    with pytest.raises(PacketError, match="a CONNECT packet cannot be binary"):
        encode(Packet(PacketType.CONNECT, data={"a": b"x"}))
