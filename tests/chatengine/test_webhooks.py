"""Evolution's webhooks: every line of the sample, every shape of section 5, and anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.status import Status
from chatengine.webhooks import (
    ConnectionChange,
    Inbound,
    Media,
    StatusChange,
    Webhook,
    WebhookError,
    parse,
    read_second,
    status_update,
    text_message,
)
from tests.chatengine.strategies import json_objects, json_values

SAMPLE = Path(__file__).parents[1] / "data" / "evolution-webhooks.jsonl"
BODIES = [json.loads(line)["body"] for line in SAMPLE.read_text("utf-8").split("\n") if line]

MARIA, JOAO, ANA = (f"55{n}@s.whatsapp.net" for n in (11990000001, 21990000002, 31990000003))
URL = "https://mmg.example.com/v/t62/"


def key(number: int) -> str:
    return f"3EB0A1B2C3D4E5F6{number:04d}"


def message(number: int, second: int, jid: str, name: str, content: str, **more: Any) -> Inbound:
    """A message of the sample; `second` counts from its start."""
    return Inbound(
        key_id=key(number),
        remote_jid=jid,
        push_name=name,
        second=1_767_225_600 + second,
        content=content,
        **{"from_me": False, "participant": None, "type": "text"} | more,
    )


def media(name: str, size: int, mimetype: str, **more: Any) -> Media:
    return Media(URL + name, {"size": size, "mimeType": mimetype} | more)


NOTA = "nota fiscal 4711.pdf"
EXPECTED: list[Inbound | StatusChange | ConnectionChange | None] = [
    message(1, 1, MARIA, "Maria Souza", "Olá! Vocês abrem no sábado?"),
    message(2, 1, MARIA, "Maria Souza", "Vi o anúncio em https://example.com/promo"),
    message(3, 3, MARIA, "", "Sim, das 9h às 13h 😊", from_me=True),
    StatusChange(key(3), Status.DELIVERED),
    StatusChange(key(3), Status.READ),
    StatusChange(key(3), Status.DELIVERED),
    message(4, 10, MARIA, "Maria Souza", "Perfeito, obrigada!", quoted_key_id=key(3)),
    message(
        5, 12, JOAO, "João 🇧🇷", "Esse aqui chegou quebrado", type="image",
        media=media("img.enc", 184_213, "image/jpeg"),
    ),
    message(
        6, 12, JOAO, "João 🇧🇷", "", type="image", media=media("img2.enc", 99_120, "image/jpeg")
    ),
    message(
        7, 15, JOAO, "João 🇧🇷", "", type="audio",
        media=media("a.enc", 32_110, "audio/ogg; codecs=opus"),
    ),
    message(
        8, 20, JOAO, "João 🇧🇷", "olha o barulho", type="video",
        media=media("v.enc", 2_204_113, "video/mp4"),
    ),
    message(
        9, 24, JOAO, "João 🇧🇷", "", type="file",
        media=media("d.enc", 88_012, "application/pdf", filename=NOTA),
    ),
    None,  # a sticker
    None,  # a location
    None,  # a reaction
    message(
        13, 30, "120363000000000001@g.us", "Ana", "Bom dia grupo", participant=ANA
    ),
    message(14, 31, "100000000000001@lid", "Cliente", "vim pelo anúncio"),
    message(1, 1, MARIA, "Maria Souza", "Olá! Vocês abrem no sábado?"),
    StatusChange(key(15), Status.READ),
    message(15, 34, ANA, "", "Seu pedido saiu para entrega.", from_me=True),
    StatusChange(key(15), Status.SENT),
    StatusChange(key(15), Status.READ),
    message(16, 40, ANA, "", "Seu código é 991-223", from_me=True),
    StatusChange(key(16), Status.FAILED),
    message(18, 43, MARIA, "Maria Souza", "segunda"),
    message(17, 42, MARIA, "Maria Souza", "primeira"),
    message(
        19, 50, MARIA, "<b>Maria</b>",
        "<script>alert('x')</script> <img src=x onerror=alert(1)> & \" ' `",
    ),
    message(20, 51, MARIA, "Maria Souza", BODIES[27]["data"]["message"]["conversation"]),
    message(21, 52, MARIA, "Maria Souza", BODIES[28]["data"]["message"]["conversation"]),
    None,  # an empty text
    ConnectionChange("close"),
    ConnectionChange("connecting"),
    ConnectionChange("open"),
    None,  # a presence
    message(23, 70, MARIA, "Maria Souza", "outra loja"),
    message(24, 71, MARIA, "Maria Souza", "desconhecida"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(1, len(EXPECTED) + 1))
def test_each_line_of_the_sample_is_what_it_should_be(number: int) -> None:
    """Every webhook of the recording, in full."""
    body, expected = BODIES[number - 1], EXPECTED[number - 1]
    changes = () if expected is None else (expected,)
    assert parse(body) == Webhook(body["event"], body["instance"], changes)


def test_the_expectations_are_for_the_whole_sample() -> None:
    """No line is left out."""
    assert len(EXPECTED) == len(BODIES)


def upsert(**data: Any) -> dict[str, Any]:
    """A text of a customer, with some of its `data` changed."""
    usual = {
        "key": {"remoteJid": MARIA, "fromMe": False, "id": "3EB0"},
        "message": {"conversation": "Olá"},
        "messageTimestamp": 1_767_225_601,
    }
    return {"event": "messages.upsert", "instance": "sales-1", "data": usual | data}


def inbound(body: dict[str, Any]) -> Inbound:
    (change,) = parse(body).changes
    assert isinstance(change, Inbound)
    return change


@pytest.mark.parametrize(
    "wrapper",
    ["ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage"],
)
def test_a_wrapped_message_counts_as_what_is_inside(wrapper: str) -> None:
    """Each wrapper of section 5, alone, and around a view-once image."""
    inside = {"imageMessage": {"url": URL, "caption": "veja"}}
    plain = inbound(upsert(message=inside))
    assert (plain.type, plain.content) == ("image", "veja")
    once = {wrapper: {"message": inside}, "messageContextInfo": {}}
    assert inbound(upsert(message=once)) == plain
    twice = {"ephemeralMessage": {"message": once}}
    assert inbound(upsert(message=twice)) == plain


@pytest.mark.parametrize("nothing", [None, "", 5, []])
def test_a_wrapper_that_holds_nothing_hides_nothing(nothing: object) -> None:
    """Wrappers that are named but empty do not stand before the message."""
    body = upsert(message={"ephemeralMessage": nothing, "conversation": "Olá"})
    assert inbound(body).content == "Olá"
    later = {"ephemeralMessage": nothing, "viewOnceMessage": {"message": {"conversation": "Oi"}}}
    assert inbound(upsert(message=later)).content == "Oi"


def test_a_message_wrapped_without_end_is_no_message() -> None:
    """Nesting beyond what WhatsApp does ends the search, not the server."""
    wrapped: dict[str, Any] = {"conversation": "Olá"}
    for _ in range(10_000):
        wrapped = {"ephemeralMessage": {"message": wrapped}}
    assert parse(upsert(message=wrapped)).changes == ()


@pytest.mark.parametrize(
    ("value", "second"),
    [
        (1_767_225_601, 1_767_225_601),
        ("1767225601", 1_767_225_601),
        ({"low": 1_767_225_601, "high": 0, "unsigned": True}, 1_767_225_601),
        ({"low": 1_767_225_601}, 1_767_225_601),
        ({"low": -2_147_483_648, "high": 0}, 2_147_483_648),  # signed halves, from 2038 on
        ({"low": 1, "high": 1}, 4_294_967_297),
        (253_402_300_799, 253_402_300_799),
        (253_402_300_800, None),
        ({"low": 0, "high": 10**9}, None),
        ({"low": 5, "high": -1}, None),
        ({"low": "5"}, None),
        ({"low": True}, None),
        ({}, None),
        (0, None),
        (-5, None),
        (1.5, None),
        (True, None),
        ("", None),
        ("ontem", None),
        ("٣", None),
        ("9" * 400, None),
        (None, None),
        ([1], None),
    ],
)
def test_the_moment_of_a_message(value: object, second: int | None) -> None:
    """Numbers, digits and protobuf's Longs are seconds; anything else is no moment, no error."""
    assert read_second(value) == second
    assert inbound(upsert(messageTimestamp=value)).second == second


@pytest.mark.parametrize(
    ("data", "participant"),
    [
        ({"key": {"remoteJid": "1@g.us", "id": "3EB0", "participant": ANA}}, ANA),
        ({"key": {"remoteJid": "1@g.us", "id": "3EB0"}, "participant": ANA}, ANA),
        ({"participant": 5}, None),
    ],
)
def test_the_sender_in_a_group(data: dict[str, Any], participant: str | None) -> None:
    """`participant` stands in the key or beside it."""
    assert inbound(upsert(**data)).participant == participant


def test_a_quotation_may_stand_beside_the_message() -> None:
    """Evolution lifts `contextInfo` out of the message."""
    body = upsert(contextInfo={"stanzaId": "3EAF"})
    assert inbound(body).quoted_key_id == "3EAF"


def test_media_kept_by_evolution_is_fetched_from_there() -> None:
    """`mediaUrl` goes before WhatsApp's own address, which holds an encrypted file."""
    body = upsert(message={"imageMessage": {"url": URL}, "mediaUrl": "https://s3.example.com/a"})
    assert inbound(body).media == Media("https://s3.example.com/a", {})


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    "item",
    [
        {"keyId": "3EB0", "status": "DELIVERY_ACK"},
        {"keyId": "3EB0", "status": 3},
        {"key": {"id": "3EB0"}, "update": {"status": 3}},
        {"key": {"id": "3EB0"}, "update": {"status": "DELIVERED"}},
        {"key": {"id": "3EB0"}, "status": "DELIVERY_ACK"},
        {"keyId": "3EB0", "key": {"id": "other"}, "update": {"status": "DELIVERY_ACK"}},
        {"keyId": "3EB0", "status": None, "update": {"status": "DELIVERY_ACK"}},
    ],
)
def test_an_update_in_each_of_its_shapes(item: dict[str, Any], listed: bool) -> None:
    """The id and the status stand where section 5 says, alone or in a list."""
    body = {"event": "messages.update", "instance": "i", "data": [item] if listed else item}
    assert parse(body).changes == (StatusChange("3EB0", Status.DELIVERED),)


def test_lists_are_read_in_their_order() -> None:
    """Messages and updates may come several at once; unknown ones among them are left out."""
    first, second = upsert()["data"], upsert(message={"conversation": "dois"})["data"]
    sticker = upsert(message={"stickerMessage": {}})["data"]
    body = {"event": "messages.upsert", "instance": "i", "data": [first, sticker, second]}
    texts = [change.content for change in parse(body).changes if isinstance(change, Inbound)]
    assert texts == ["Olá", "dois"]
    updates = [{"keyId": "a", "status": s} for s in ("READ", "DELETED", "SENT")]
    changes = parse({"event": "messages.update", "instance": "i", "data": updates}).changes
    assert changes == (StatusChange("a", Status.READ), StatusChange("a", Status.SENT))


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "Messages.Upsert"])
def test_an_event_may_be_written_as_in_evolutions_settings(event: str) -> None:
    """Both spellings are the same event."""
    webhook = parse(upsert() | {"event": event})
    assert webhook.event == "messages.upsert"
    assert len(webhook.changes) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "the body is not a JSON object"),
        (None, "the body is not a JSON object"),
        ({}, "no event"),
        ({"event": ""}, "no event"),
        ({"event": 5}, "no event"),
        ({"event": "messages.upsert"}, "data is neither an object nor a list of objects"),
        (upsert() | {"data": [5]}, "data is neither an object nor a list of objects"),
        (upsert(key={}), "no key id"),
        (upsert(key=None), "no key id"),
        (upsert(key={"id": 5, "remoteJid": MARIA}), "no key id"),
        (upsert(key={"id": "3EB0"}), "no remoteJid"),
        ({"event": "messages.update", "data": {"status": "READ"}}, "no key id"),
        (upsert(key={"id": "3EB0", "remoteJid": "5" * 513}),
         "the remoteJid is longer than 512 characters"),
        (upsert(key={"id": "3" * 513, "remoteJid": MARIA}),
         "the key id is longer than 512 characters"),
        (upsert(key={"id": "3EB0", "remoteJid": MARIA, "participant": "5" * 513}),
         "the participant is longer than 512 characters"),
        ({"event": "messages.update", "data": {"keyId": "3" * 513}},
         "the key id is longer than 512 characters"),
        ({"event": "messages.update", "data": [{"keyId": "a"}, {}]}, "no key id"),
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_told_in_a_sentence(body: object, sentence: str) -> None:
    """The sentence is what the server answers 400 with (S-WHK-1)."""
    with pytest.raises(WebhookError) as caught:
        parse(body)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("body", [{"event": "novo"}, {"event": "novo", "data": 5, "instance": 5}])
def test_an_unknown_event_changes_nothing(body: dict[str, Any]) -> None:
    """Whatever its data, it is understood as an event of nothing."""
    assert parse(body) == Webhook("novo", "", ())


events = st.sampled_from(["messages.upsert", "messages.update", "connection.update"])
parts = st.sampled_from(
    ["conversation", "extendedTextMessage", "imageMessage", "documentMessage", "ephemeralMessage",
     "viewOnceMessageV2", "message", "contextInfo", "text", "caption", "fileLength", "stanzaId",
     "mediaUrl"]
)  # fmt: skip
fields = st.sampled_from(
    ["key", "keyId", "status", "update", "state", "message", "participant", "pushName",
     "messageTimestamp", "id", "remoteJid", "fromMe", "low", "high"]
)  # fmt: skip
contents = st.recursive(
    json_values, lambda inner: st.dictionaries(parts, inner, max_size=4), max_leaves=10
)
items = st.dictionaries(fields, json_values | contents | st.dictionaries(fields, json_values))
data = json_values | items | st.lists(items, max_size=3)


@given(json_values | json_objects)
def test_any_json_is_a_webhook_or_a_webhook_error(body: object) -> None:
    """Nothing else is ever raised."""
    with suppress(WebhookError):
        assert isinstance(parse(body), Webhook)


@given(events, data)
def test_any_data_of_a_known_event_is_read_or_refused(event: str, data: object) -> None:
    """The fields of section 5 with values of any kind, at any depth."""
    with suppress(WebhookError):
        assert isinstance(parse({"event": event, "instance": "i", "data": data}), Webhook)


@given(contents, json_values)
def test_any_message_with_a_key_is_read(content: object, moment: object) -> None:
    """With its key in order a message of any content is at most one change, never an error."""
    webhook = parse(upsert(message=content, messageTimestamp=moment))
    assert len(webhook.changes) <= 1
    for change in webhook.changes:
        assert isinstance(change, Inbound)
        assert change.content or change.media is not None


@given(
    st.text(min_size=1), st.text(min_size=1), st.text(min_size=1),
    st.integers(1, 253_402_300_799), st.booleans(), st.text(),
)  # fmt: skip
def test_a_text_that_is_built_is_read(
    jid: str, key_id: str, text: str, second: int, from_me: bool, name: str
) -> None:
    """The builder of texts and the reader agree."""
    body = text_message(
        instance="i", remote_jid=jid, key_id=key_id, text=text, second=second,
        from_me=from_me, push_name=name,
    )  # fmt: skip
    assert parse(body).changes == (
        Inbound(
            key_id=key_id, remote_jid=jid, from_me=from_me, participant=None, push_name=name,
            second=second, type="text", content=text,
        ),
    )  # fmt: skip


@given(st.text(min_size=1), st.sampled_from(["ERROR", "PENDING", "SERVER_ACK", "READ", "PLAYED"]))
def test_an_acknowledgement_that_is_built_is_read(key_id: str, acknowledgement: str) -> None:
    """The builder of updates and the reader agree."""
    body = status_update(
        instance="i", remote_jid=MARIA, key_id=key_id, acknowledgement=acknowledgement
    )
    status = Status.from_provider(acknowledgement)
    assert status is not None
    assert parse(body).changes == (StatusChange(key_id, status),)
