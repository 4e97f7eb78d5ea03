"""The provider's own API: answers and errors as Evolution API v2 gives them."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.evolution.conftest import API_KEY, CUSTOMER, JID, Sender

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = "/message/sendText/sales-1"
MEDIA = "/message/sendMedia/sales-1"


async def test_a_text_is_answered_with_the_message_it_became(sender: Sender) -> None:
    """201 with key, status PENDING, the text and a moment in seconds (contract, section 5)."""
    status, body = await sender.send("Olá! 😊")
    assert status == 201
    assert body["key"] == {"remoteJid": JID, "fromMe": True, "id": body["key"]["id"]}
    assert body["key"]["id"].startswith("3EB0")
    assert len(body["key"]["id"]) == 22
    assert body["status"] == "PENDING"
    assert body["message"] == {"conversation": "Olá! 😊"}
    assert abs(body["messageTimestamp"] - time.time()) < 5


async def test_each_send_gets_an_id_of_its_own(sender: Sender) -> None:
    """The provider takes the same text twice as two messages: preventing that is not its task."""
    ids = {(await sender.send())[1]["key"]["id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("number", "jid"),
    [
        ("5511990000001", "5511990000001@s.whatsapp.net"),
        ("+55 (11) 99000-0001", "5511990000001@s.whatsapp.net"),
        ("5511990000001@s.whatsapp.net", "5511990000001@s.whatsapp.net"),
        ("5511990000001:12@s.whatsapp.net", "5511990000001@s.whatsapp.net"),
        ("120363000000000001", "120363000000000001@g.us"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
        ("100000000000001@lid", "100000000000001@lid"),
    ],
)
async def test_a_number_is_digits_or_a_jid(sender: Sender, number: str, jid: str) -> None:
    """Bare numbers become JIDs, JIDs stay, the device part goes."""
    _, body = await sender.send(number=number)
    assert body["key"]["remoteJid"] == jid


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document"])
async def test_media_of_each_kind_is_taken(sender: Sender, kind: str) -> None:
    """`sendMedia` answers with the part of its kind, and the file's address in it."""
    url = "https://files.example.com/a"
    wanted = {"number": CUSTOMER, "mediatype": kind, "media": url, "caption": "veja"}
    status, body = await sender.post(MEDIA, wanted)
    part = body["message"][f"{kind}Message"]
    assert (status, body["messageType"]) == (201, f"{kind}Message")
    assert part["url"] == url
    assert part.get("caption") == (None if kind == "audio" else "veja")


async def test_media_may_come_in_base64(sender: Sender) -> None:
    """A file in the body is taken with its size, a document with its name."""
    media = base64.b64encode(b"x" * 300).decode()
    body = {"number": CUSTOMER, "mediatype": "document", "media": media, "fileName": "nota.pdf"}
    status, answer = await sender.post(MEDIA, body)
    part = answer["message"]["documentMessage"]
    assert (status, part["fileName"], part["fileLength"]) == (201, "nota.pdf", "300")


async def test_a_quoted_message_is_named(sender: Sender) -> None:
    """`quoted.key.id` comes back as the context's `stanzaId`."""
    body = {"number": CUSTOMER, "text": "sim", "quoted": {"key": {"id": "3EB0AA"}}}
    _, answer = await sender.post(TEXT, body)
    assert answer["contextInfo"]["stanzaId"] == "3EB0AA"


@pytest.mark.parametrize("key", [None, "", "wrong", API_KEY + "x", "é"])
async def test_without_the_key_nothing_is_sent(sender: Sender, key: str | None) -> None:
    """A missing or wrong `apikey` is 401 in Evolution's shape, and no send."""
    status, body = await sender.send(key=key)
    assert status == 401
    assert body == {
        "status": 401,
        "error": "Unauthorized",
        "response": {"message": "Unauthorized"},
    }
    assert list(sender.evolution.provider.sends) == []


async def test_the_instances_own_token_is_a_key_too(sender: Sender) -> None:
    """What the webhooks carry as `apikey` opens that instance, and no other."""
    token = str(sender.evolution.provider.accounts["sales-1"].token)
    other = "/message/sendText/support-1"
    assert (await sender.send(key=token))[0] == 201
    assert (await sender.post(other, {"number": CUSTOMER, "text": "x"}, key=token))[0] == 401


async def test_an_unknown_instance_is_404_even_with_a_wrong_key(sender: Sender) -> None:
    """Evolution looks for the instance before it looks at the key."""
    body = {"number": CUSTOMER, "text": "x"}
    status, answer = await sender.post("/message/sendText/nobody", body, key="wrong")
    assert status == 404
    assert answer["response"] == {"message": ['The "nobody" instance does not exist']}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (TEXT, {"number": CUSTOMER}, [['instance requires property "text"']]),
        (
            TEXT,
            {"number": 5511990000001},
            [["Invalid format", 'instance requires property "text"']],
        ),
        (TEXT, {"number": CUSTOMER, "text": 1}, [["text is not of a type(s) string"]]),
        (TEXT, {"number": CUSTOMER, "text": " \n"}, ["Text is required"]),
        (TEXT, [], ["the body is not a JSON object"]),
        (
            TEXT,
            {"number": "ninguém", "text": "x"},
            [{"jid": "@s.whatsapp.net", "exists": False, "number": "ninguém"}],
        ),
        (
            MEDIA,
            {"number": CUSTOMER, "mediatype": "sticker"},
            [["mediatype is not one of enum values: image,document,video,audio"]],
        ),
        (
            MEDIA,
            {"number": CUSTOMER, "mediatype": "image", "media": "no"},
            ["Owned media must be a url or base64"],
        ),
        (
            MEDIA,
            {"number": CUSTOMER, "mediatype": "document", "media": "eHh4"},
            ["For base64 the file name must be informed."],
        ),
    ],
)
async def test_a_bad_body_is_400_with_all_that_is_wrong(
    sender: Sender, path: str, body: Mapping[str, object], message: list[Any]
) -> None:
    """The complaints are Evolution's own, every one at once; nothing is sent."""
    status, answer = await sender.post(path, body)
    assert status == 400
    assert answer == {"status": 400, "error": "Bad Request", "response": {"message": message}}
    assert list(sender.evolution.provider.sends) == []


async def test_the_state_of_a_number_can_be_asked_for(sender: Sender) -> None:
    """`connectionState` says `open` until the number is closed; a closed one sends nothing."""
    path = "/instance/connectionState/sales-1"
    assert await sender.get(path) == (
        200,
        {"instance": {"instanceName": "sales-1", "state": "open"}},
    )
    await sender.control.call("PUT", "/connections/sales-1", {"state": "close"})
    assert (await sender.get(path))[1]["instance"]["state"] == "close"
    assert await sender.send() == (
        400,
        {
            "status": 400,
            "error": "Bad Request",
            "response": {"message": ["Error: Connection Closed"]},
        },
    )


async def test_the_root_welcomes_and_other_paths_are_404(sender: Sender) -> None:
    """A health check finds the API; an unknown path is answered in Evolution's shape."""
    status, body = await sender.get("/")
    assert (status, body["message"]) == (200, "Welcome to the Evolution API, it is working!")
    status, body = await sender.get("/nowhere")
    assert (status, body["response"]) == (404, {"message": ["Cannot GET /nowhere"]})
