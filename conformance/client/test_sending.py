"""C-SND: what the user sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from conformance.checks import shows
from conformance.client.stages import (
    connected,
    fence,
    found,
    is_back,
    message,
    notices_the_loss,
    status_of,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Snapshot, at_ms
from conformance.world import ANNA, World, Written
from fakes.evolution.plans import DEFAULT_PLAN, Failure, Plan, Step

AT_ONCE_S: Final = SLACK_S

FAILS_S: Final = 10.0 + SLACK_S
"""C-SND-4."""

SENT: Final = ("sent", "delivered", "read")


@shows("C-SND-1")
@pytest.mark.parametrize("opened", [(ANNA,), ()], ids=["opened", "not opened"])
async def test_shows_at_once_as_sending(
    world: World, client: ClientUnderTest, opened: tuple[str, ...]
) -> None:
    """An own message shows at once as `sending`, before the provider has it, wherever it goes."""
    world.provider.plans.default = Plan(answer_after_s=2 * AT_ONCE_S, steps=DEFAULT_PLAN.steps)
    await connected(world, client, *opened)
    await client.send(ANNA, "at once", "c-1", reply_to="evo-1")
    await is_sending(client, "at once")


@shows("C-SND-1")
async def test_shows_at_once_without_a_connection(world: World, client: ClientUnderTest) -> None:
    """At once, even if nobody can be told."""
    await connected(world, client, ANNA)
    world.take_down(world.network, world.supabase_network)
    await notices_the_loss(client)
    await client.send(ANNA, "at once", "c-1")
    await is_sending(client, "at once")


@shows("C-SND-2")
async def test_the_servers_copy_replaces_it(world: World, client: ClientUnderTest) -> None:
    """The server's copy replaces it: one message, not two, with the provider's id and moment."""
    await connected(world, client, ANNA)
    await client.send(ANNA, "only once", "c-1")
    (key_id,) = await taken(world, "only once", 1)
    await client.comes_to("the provider ids", lambda s: ids(s, "only once"), [key_id])
    await fence(world, client)
    client.verify("one message", lambda s: ids(s, "only once"), [key_id])
    copy = world.copy_of(
        Written(id=f"evo-{key_id}", key_id=key_id, conversation_id=ANNA, text="only once")
    )
    client.verify("its moment", lambda s: moment(s, "only once"), at_ms(copy["createdAt"]))


@shows("C-SND-2")
async def test_two_of_one_text_are_two(world: World, client: ClientUnderTest) -> None:
    """Each send is replaced by its own copy, also where the texts are the same."""
    await connected(world, client, ANNA)
    await client.send(ANNA, "ok", "c-1")
    await client.send(ANNA, "ok", "c-2")
    sent = await taken(world, "ok", 2)
    await client.comes_to("the provider ids", lambda s: sorted(map(str, ids(s, "ok"))), sent)


@shows("C-SND-2")
async def test_a_copy_that_overtakes_the_answer(world: World, client: ClientUnderTest) -> None:
    """Echo and acknowledgements that come before the send is answered make no second message."""
    early = (Step(event="echo", before_answer=True), Step(event="DELIVERY_ACK", before_answer=True))
    world.provider.plans.default = Plan(steps=early, answer_after_s=0.2)
    await connected(world, client, ANNA)
    await client.send(ANNA, "overtaken", "c-1")
    (key_id,) = await taken(world, "overtaken", 1)
    await client.comes_to("the provider ids", lambda s: ids(s, "overtaken"), [key_id])
    await fence(world, client)
    client.verify("one message", lambda s: ids(s, "overtaken"), [key_id])


@shows("C-SND-3")
async def test_with_no_socket_it_goes_out_over_http(world: World, client: ClientUnderTest) -> None:
    """With no socket it goes out over HTTP: to the provider once, and never again, as it is."""
    await connected(world, client, ANNA)
    answered = await world.write("a question")
    await world.refuse_sockets(status=503)
    await world.lose("rst")
    await notices_the_loss(client)
    await client.send(ANNA, "over HTTP", "c-1", reply_to=answered.id)
    await client.until("it is sent", lambda s: status_of(s, "over HTTP") in SENT)
    await world.admit_sockets()
    await is_back(world, client, ANNA)
    await send_behind(client)
    sends = len(list(world.provider.sent(text="over HTTP")))
    shown = len(found(await client.look(), "over HTTP"))
    if (sends, shown) != (1, 1):
        seen = f"{sends} sends, {shown} messages"
        raise Nonconforming(
            expected="one send, one message", seen=seen, history=world.journal.tail()
        )
    (send,) = world.provider.sent(text="over HTTP")
    copy = world.copy_of(
        Written(id=f"evo-{send.key_id}", key_id=send.key_id, conversation_id=ANNA, text=send.text)
    )
    if copy.get("replyToMessageId") != answered.id:
        raise Nonconforming(
            expected=f"a reply to {answered.id}", seen=copy, history=world.journal.tail()
        )


@shows("C-SND-3")
async def test_before_the_first_connection(world: World, client: ClientUnderTest) -> None:
    """Also before there has been a socket at all."""
    client.needs("websocket")
    await world.refuse_sockets(status=503)
    await client.start(world.config())
    await client.open(ANNA)
    await client.send(ANNA, "over HTTP", "c-1")
    await client.until("it is sent", lambda s: status_of(s, "over HTTP") in SENT)
    if len(list(world.provider.sent(text="over HTTP"))) != 1:
        raise client.broken("one send")


@shows("C-SND-4")
async def test_what_cannot_be_sent_fails(world: World, client: ClientUnderTest) -> None:
    """With every way closed it ends as `failed` within 10 s, and never vanishes."""
    await connected(world, client, ANNA)
    world.take_down()
    await client.send(ANNA, "nobody takes it", "c-1")
    await client.until(
        "it ends as failed",
        stays(client, "nobody takes it", lambda status: status == "failed"),
        within_s=FAILS_S,
        view=lambda snapshot: status_of(snapshot, "nobody takes it"),
    )
    world.bring_back()
    await is_back(world, client, ANNA)
    await fence(world, client)
    client.verify("it is there still", lambda s: len(found(s, "nobody takes it")), 1)


@shows("C-SND-4")
async def test_what_is_met_with_silence_fails(world: World, client: ClientUnderTest) -> None:
    """A connection that swallows everything is no way out either."""
    await connected(world, client, ANNA)
    world.fall_silent()
    await client.send(ANNA, "into the void", "c-1")
    await client.until(
        "it ends as failed",
        stays(client, "into the void", lambda status: status == "failed"),
        within_s=FAILS_S,
        view=lambda snapshot: status_of(snapshot, "into the void"),
    )


@shows("C-SND-4")
async def test_what_the_provider_does_not_take_fails(world: World, client: ClientUnderTest) -> None:
    """What the provider refuses ends as `failed` within 10 s, and never vanishes."""
    world.provider.plans.default = Plan(failure=Failure(kind="status"))
    await connected(world, client, ANNA)
    await client.send(ANNA, "not taken", "c-1")
    await client.until(
        "it ends as failed",
        stays(client, "not taken", lambda status: status == "failed"),
        within_s=FAILS_S,
        view=lambda snapshot: status_of(snapshot, "not taken"),
    )
    await fence(world, client)
    client.verify("it is there still", lambda s: len(found(s, "not taken")), 1)


# how


async def is_sending(client: ClientUnderTest, text: str) -> None:
    """The first snapshot that shows an own message has it as `sending`."""
    await client.until(
        "the own message shows at once", lambda s: bool(found(s, text)), within_s=AT_ONCE_S
    )

    def view(snapshot: Snapshot) -> object:
        shown = message(snapshot, text)
        return None if shown is None else [shown.status, shown.is_outgoing]

    client.verify("status, and that it is ours", view, ["sending", True])


async def send_behind(client: ClientUnderTest) -> None:
    """Send one more: what the client was about to send once it was back, it has sent by then."""
    await client.send(ANNA, "the one behind", "c-behind")
    with beginning("a message that is sent (C-SND-1)"):
        await client.until("it is sent", lambda s: status_of(s, "the one behind") in SENT)


async def taken(world: World, text: str, number: int) -> list[str]:
    """Wait until the provider has taken so many sends of a text; returns its ids, sorted."""
    with beginning("sends that reach the provider"):
        await until(
            lambda: len(list(world.provider.sent(text=text))) >= number, Deadline(PATIENCE_S)
        )
    return sorted(send.key_id for send in world.provider.sent(text=text))


def moment(snapshot: Snapshot, text: str) -> int | None:
    """When it was written, as shown: milliseconds since the epoch."""
    shown = message(snapshot, text)
    return None if shown is None else at_ms(shown.created_at)


def ids(snapshot: Snapshot, text: str) -> list[str | None]:
    """The provider ids of the messages with this text."""
    return [each.external_id for each in found(snapshot, text)]


def stays(
    client: ClientUnderTest, text: str, holds: Callable[[str | None], bool]
) -> Callable[[Snapshot], bool]:
    """Whether a message has come to a status; raises `Nonconforming` where it has vanished."""
    was_there = False

    def look(snapshot: Snapshot) -> bool:
        nonlocal was_there
        is_there = bool(found(snapshot, text))
        if was_there and not is_there:
            raise client.broken("an own message never vanishes")
        was_there = is_there
        return holds(status_of(snapshot, text))

    return look
