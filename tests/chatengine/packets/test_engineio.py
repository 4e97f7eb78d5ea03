"""Engine.IO packets and payloads."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.packets import PacketError
from chatengine.packets.engineio import (
    SEPARATOR,
    Packet,
    PacketType,
    decode,
    decode_payload,
    encode,
    encode_text,
)

texts = st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"]))
packets = st.one_of(
    st.builds(Packet, st.sampled_from(PacketType), texts),
    st.builds(Packet, st.just(PacketType.MESSAGE), st.binary()),
)


@given(packets)
def test_a_packet_survives_the_websocket_form(packet: Packet) -> None:
    """What is encoded for a WebSocket message decodes to the same packet."""
    assert decode(encode(packet)) == packet


@given(st.lists(packets, min_size=1))
def test_packets_survive_a_polling_payload(several: list[Packet]) -> None:
    """What is encoded as one polling body decodes to the same packets in the same order."""
    assert decode_payload(SEPARATOR.join(map(encode_text, several))) == several


@given(st.one_of(st.text(), st.binary()))
def test_whatever_arrives_is_a_packet_or_a_packet_error(data: str | bytes) -> None:
    """No input makes the decoder raise anything but PacketError."""
    with suppress(PacketError):
        decode(data)
    with suppress(PacketError):
        decode_payload(data if isinstance(data, str) else data.decode("latin-1"))


def test_the_forms_of_the_protocol_text() -> None:
    """The examples of the protocol's specification read and write as it says."""
    packets = [
        Packet(PacketType.MESSAGE, "hello"),
        Packet(PacketType.PING),
        Packet(PacketType.MESSAGE, b"\x01\x02\x03\x04"),
    ]
    assert [encode_text(packet) for packet in packets] == ["4hello", "2", "bAQIDBA=="]
    assert decode_payload("4hello\x1e2\x1ebAQIDBA==") == packets


@pytest.mark.parametrize("text", ["", "7", "abc", "-1", "b***", "bAAA", "4a\x1e"])
def test_malformed_text_is_refused(text: str) -> None:
    """An empty packet, an unknown type and bad base64 are errors, also inside a payload."""
    with pytest.raises(PacketError):
        decode_payload(text)


@pytest.mark.parametrize("kind", [kind for kind in PacketType if kind is not PacketType.MESSAGE])
def test_only_a_message_can_be_binary(kind: PacketType) -> None:
    """Bytes in any other packet cannot be encoded."""
    with pytest.raises(PacketError):
        encode_text(Packet(kind, b"x"))
