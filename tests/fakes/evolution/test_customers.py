"""Customers that write: one message of each kind, and the endless simulation."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from chatengine.webhooks import ConnectionChange, Inbound, parse
from fakes.control import ControlError
from fakes.evolution.bodies import Contact, Content
from fakes.evolution.customers import Simulation, writings
from tests.fakes.evolution.conftest import CUSTOMER, JID, Sender
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.evolution.receiver import Receiver


def inbound(body: object) -> Inbound:
    """The one message of a webhook."""
    (message,) = parse(body).changes
    assert isinstance(message, Inbound)
    return message


async def test_a_customer_writes_a_text(sender: Sender, receiver: Receiver) -> None:
    """The webhook carries the customer's number, name and text; the call says what came of it."""
    asked = {"instance": "sales-1", "number": CUSTOMER, "name": "Ana", "text": "Olá!"}
    written = await sender.control.call("POST", "/write", asked)
    (body,) = receiver.bodies
    message = inbound(body)
    assert (message.remote_jid, message.push_name, message.content) == (JID, "Ana", "Olá!")
    assert (message.from_me, message.key_id) == (False, written["keyId"])
    assert body["data"]["status"] == "DELIVERY_ACK"
    assert (written["call"]["outcome"], written["call"]["attempts"]) == ("ok", 1)


@pytest.mark.parametrize(
    ("kind", "message_type"),
    [("image", "image"), ("video", "video"), ("audio", "audio"), ("document", "file")],
)
async def test_a_customer_sends_media_of_each_kind(
    sender: Sender, receiver: Receiver, kind: str, message_type: str
) -> None:
    """Each kind parses to the contract's type with its file; a voice message has no caption."""
    asked = {
        "instance": "sales-1", "number": JID, "kind": kind, "text": "veja", "size": 1234,
        "url": "https://mmg.example.com/x.enc", "filename": "nota.pdf",
    }  # fmt: skip
    await sender.control.call("POST", "/write", asked)
    message = inbound(receiver.bodies[0])
    assert (message.type, message.content) == (message_type, "" if kind == "audio" else "veja")
    assert message.media is not None
    assert message.media.url == "https://mmg.example.com/x.enc"
    assert message.media.metadata["size"] == 1234
    assert message.media.metadata.get("filename") == ("nota.pdf" if kind == "document" else None)


async def test_a_customer_may_quote_and_be_delivered_twice(
    sender: Sender, receiver: Receiver
) -> None:
    """`quotedId` is the quoted message, `times` delivers the same webhook again."""
    asked = {"instance": "sales-1", "number": JID, "text": "sim", "quotedId": "3EB0", "times": 2}
    await sender.control.call("POST", "/write", asked)
    first, second = map(inbound, receiver.bodies)
    assert first == second
    assert first.quoted_key_id == "3EB0"


async def test_within_one_process_a_customer_is_a_call(sender: Sender, receiver: Receiver) -> None:
    """The provider's own method does the same, for an instance nobody knows too."""
    provider = sender.evolution.provider
    receiver.answers = [403]
    contact, content = Contact(JID, "Ana"), Content(text="oi")
    key_id, call = await provider.customer_writes("nobody", contact, content)
    assert (receiver.bodies[0]["instance"], call.outcome) == ("nobody", "status 403")
    assert inbound(receiver.bodies[0]).key_id == key_id


@pytest.mark.parametrize("state", ["close", "connecting", "open"])
async def test_a_change_of_the_number_is_told(
    sender: Sender, receiver: Receiver, state: str
) -> None:
    """`connection.update` carries the state."""
    await sender.control.call("PUT", "/connections/sales-1", {"state": state})
    assert parse(receiver.bodies[0]).changes == (ConnectionChange(state),)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/write", {"instance": "sales-1"}, 400),
        ("POST", "/write", {"instance": "sales-1", "number": "x"}, 400),
        ("POST", "/write", {"instance": "sales-1", "number": JID, "kind": "sticker"}, 400),
        ("PUT", "/connections/nobody", {"state": "open"}, 404),
        ("PUT", "/connections/sales-1", {"state": "ajar"}, 400),
        ("PUT", "/webhook", {"url": "ftp://x"}, 400),
        ("PUT", "/plan", {"steps": [{"event": "SEEN"}]}, 400),
        ("PUT", "/plan", {"step": []}, 400),
        ("POST", "/rules", {"plan": {}, "sends": 0}, 400),
        ("DELETE", "/rules/7", None, 404),
        ("GET", "/plays/7", None, 404),
        ("DELETE", "/plays/7", None, 404),
        ("POST", "/plays/replay", {"recording": ""}, 400),
        ("POST", "/plays/customers", {"instance": "sales-1", "rate": 0}, 400),
        ("GET", "/nowhere", None, 404),
        ("POST", "/state", None, 405),
    ],
)
async def test_a_control_call_that_makes_no_sense_is_refused(
    sender: Sender, method: str, path: str, body: object, status: int
) -> None:
    """What is wrong is said in one sentence, with the status that fits."""
    with pytest.raises(ControlError) as caught:
        await sender.control.call(method, path, body)
    assert caught.value.status == status
    assert caught.value.sentence


async def test_customers_write_until_they_are_ended(sender: Sender, receiver: Receiver) -> None:
    """An open-ended simulation writes on, from several customers, and stops when ended."""
    asked = {"instance": "sales-1", "customers": 5, "rate": 500, "seed": 3}
    play_id = (await sender.control.call("POST", "/plays/customers", asked))["id"]
    bodies = await receiver.arrived(30)
    assert len({inbound(body).remote_jid for body in bodies}) == 5
    await sender.control.call("DELETE", f"/plays/{play_id}")
    await until(lambda: sender.evolution.provider.tasks.running == 0)
    assert (await sender.control.call("GET", "/plays"))[str(play_id)]["done"]


async def test_customers_stop_by_themselves_after_their_seconds(
    sender: Sender, receiver: Receiver
) -> None:
    """With `seconds` the number of messages is known beforehand, and all of them arrive."""
    simulation = Simulation(instance="sales-1", rate=100, seconds=0.2, seed=5)
    planned = len(list(writings(simulation)))
    play_id = (await sender.control.call("POST", "/plays/customers", simulation))["id"]
    tasks = sender.evolution.provider.tasks
    await until(lambda: tasks.running == 0)
    play = await sender.control.call("GET", f"/plays/{play_id}")
    assert play == {"kind": "customers", "done": True, "result": planned}
    assert len(receiver.bodies) == planned > 5


def test_the_same_seed_writes_the_same() -> None:
    """People, moments and texts come from the seed alone; another seed writes otherwise."""
    first, again, other = (
        list(islice(writings(Simulation(instance="sales-1", seed=seed)), 200)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_customers_write_at_their_rate_and_begin_with_a_greeting() -> None:
    """A thousand messages at 10 a second take about 100 s; nobody opens with a file."""
    written = list(islice(writings(Simulation(instance="sales-1", rate=10, customers=50)), 1000))
    assert 85 < written[-1].at < 115  # five standard deviations of a Poisson process
    firsts = {writing.contact.jid: writing for writing in reversed(written)}
    assert len(firsts) == 50
    assert {writing.content.kind for writing in firsts.values()} == {"text"}
    assert {writing.content.kind for writing in written} == {
        "text", "image", "audio", "document", "video"
    }  # fmt: skip
    assert not any("{" in writing.content.text for writing in written)
