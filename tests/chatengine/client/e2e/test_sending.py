"""C-SND and C-TYP: what the user says, and that others are about to say something."""

from __future__ import annotations

import time

import pytest

from chatengine import events
from chatengine.client import Source, Status
from fakes.evolution.plans import Failure, Plan
from fakes.network.schedule import Drop, OnFrame, Rule, Schedule
from tests.chatengine.client.e2e.world import JID, OTHER_JID, World, bodies, message
from tests.waiting import until


def sent(world: World) -> list[str]:
    """The texts that reached WhatsApp."""
    return [each.text for each in world.evolution.sends]


async def test_c_snd_1_an_own_message_shows_at_once_as_sending(world: World) -> None:
    """Before anything has gone out it stands at the top."""
    async with world.client() as client:
        client_id = client.send(JID, "at once", reply_to="evo-1")
        shown = client.messages(JID)[0]
        assert (shown.body, shown.status, shown.client_id) == ("at once", Status.PENDING, client_id)
        assert (shown.is_outgoing, shown.sent_by_user_id) == (True, "agent-1")
        assert shown.reply_to_id == "evo-1"


async def test_c_snd_2_the_servers_copy_replaces_it(world: World) -> None:
    """One message, not two: the optimistic one becomes the server's, with the provider's id."""
    async with world.client() as client:
        client.send(JID, "only once", client_message_id="c-1")
        await until(lambda: message(client, "only once").external_id)
        await world.served(client)
        found = message(client, "only once")
        assert found.id == f"evo-{found.external_id}"
        assert found.client_id == "c-1"
        assert sent(world) == ["only once"]


async def test_c_snd_2_in_a_second_tab_too(world: World) -> None:
    """Another client of the same agent shows that message once, as an own one."""
    async with world.client() as tab, world.client() as other:
        tab.send(JID, "from the other tab")
        await until(lambda: "from the other tab" in bodies(other))
        await world.served(other)
        assert message(other, "from the other tab").is_outgoing
        assert message(tab, "from the other tab").status >= Status.SENT


async def test_c_snd_3_without_a_socket_it_goes_out_over_http(world: World) -> None:
    """While the socket cannot be had, a send is taken over HTTP."""
    await world.engine.call("PUT", "/faults/refusal", {"status": 503})
    async with world.client(connected=False) as client:
        await until(lambda: client.connection.source is Source.SUPABASE)
        client.send(JID, "by the other way")
        await until(lambda: message(client, "by the other way").status >= Status.SENT)
        assert not client.connection.is_connected
        assert sent(world) == ["by the other way"]


async def test_c_snd_3_what_the_socket_does_not_confirm_goes_out_over_http_once(
    world: World,
) -> None:
    """A command lost on the way is sent again with the same client id, and WhatsApp has it once."""
    lost = OnFrame(direction="to_target", contains='["sendMessage"')
    async with world.client() as client:
        world.network.apply(Schedule((Rule(Drop(), lost),)))
        client.send(JID, "lost on the way")
        await until(lambda: message(client, "lost on the way").status >= Status.SENT)
        assert sent(world) == ["lost on the way"]


async def test_c_snd_3_a_confirmation_that_is_lost_makes_no_second_message(world: World) -> None:
    """The server took it and its answer was lost with the socket: it is still one message."""
    async with world.client() as client:
        world.network.half_open("to_client")
        client.send(JID, "was it sent?", client_message_id="c-1")
        await until(lambda: sent(world) == ["was it sent?"])
        world.network.reset_all()
        await until(lambda: message(client, "was it sent?").status >= Status.SENT)
        await world.served(client)
        assert bodies(client).count("was it sent?") == 1
        assert sent(world) == ["was it sent?"]


async def test_c_snd_3_in_order_once_the_server_is_back(world: World) -> None:
    """What was written while nothing could go out goes out in its order."""
    async with world.client() as client:
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        texts = [f"number {number}" for number in range(5)]
        for text in texts:
            client.send(JID, text)
        assert bodies(client)[:5] == texts[::-1]
        refused = world.network.stats.refused
        await until(lambda: world.network.stats.refused > refused + 10)  # each has been tried
        world.network.heal()
        await until(lambda: all(message(client, text).status >= Status.SENT for text in texts))
        assert sent(world) == texts


async def test_c_snd_4_what_cannot_be_sent_fails_within_ten_seconds(world: World) -> None:
    """With every way closed it ends as failed, with the reason, and stays; later it can be sent."""
    async with world.client() as client:
        world.take_chatengine_down()
        began = time.monotonic()
        client.send(JID, "nobody takes it", client_message_id="c-1")
        await until(lambda: message(client, "nobody takes it").status is Status.FAILED, within_s=10)
        assert time.monotonic() - began > 2  # it was tried
        assert message(client, "nobody takes it").error_message
        world.network.heal()
        await until(lambda: client.connection.is_connected)
        await world.served(client)
        assert message(client, "nobody takes it").status is Status.FAILED
        client.send(JID, "nobody takes it", client_message_id="c-1")
        await until(lambda: sent(world) == ["nobody takes it"])
        assert bodies(client).count("nobody takes it") == 1


async def test_c_snd_4_a_provider_that_fails(world: World) -> None:
    """What WhatsApp does not take is failed, with the reason."""
    world.evolution.plans.default = Plan(failure=Failure(kind="status"))
    async with world.client() as client:
        client.send(JID, "not taken")
        await until(lambda: message(client, "not taken").error_message)
        assert message(client, "not taken").status is Status.FAILED


async def test_c_snd_4_a_provider_that_fails_is_not_asked_again_over_http(world: World) -> None:
    """The server says that WhatsApp did not take it (502): it has failed, after one attempt."""
    world.evolution.plans.default = Plan(failure=Failure(kind="status"))
    await world.engine.call("PUT", "/faults/refusal", {"status": 503})
    async with world.client(connected=False) as client:
        client.send(JID, "not taken")
        await until(lambda: message(client, "not taken").error_message)
        assert message(client, "not taken").status is Status.FAILED
        assert sent(world) == ["not taken"]


async def test_c_snd_4_without_a_chatengine(world: World) -> None:
    """Where Supabase alone is configured a send fails at once, and says why."""
    async with world.client(chatengine=False, connected=False) as client:
        client.send(JID, "no way out")
        found = message(client, "no way out")
        assert found.status is Status.FAILED
        assert found.error_message == "no ChatEngine is configured that could send it"


async def test_c_snd_4_what_is_too_long_or_too_much(world: World) -> None:
    """A text beyond WhatsApp's bound fails instead of breaking the connection, as does a flood."""
    async with world.client() as client:
        client.send(JID, "x" * 65_537)
        assert client.messages(JID)[0].status is Status.FAILED
        world.take_chatengine_down()
        for number in range(1001):
            client.send(JID, f"flood {number}")
        assert message(client, "flood 1000").status is Status.FAILED
        assert message(client, "flood 999").status is Status.PENDING


@pytest.mark.parametrize("identity", ["", "x" * 513, "half \ud800"])
async def test_c_snd_an_id_that_is_none_is_the_callers_mistake(world: World, identity: str) -> None:
    """It raises, and shows nothing."""
    async with world.client() as client:
        before = bodies(client)
        with pytest.raises(ValueError, match="id"):
            client.send(identity, "hi")
        with pytest.raises(ValueError, match="id"):
            client.open(identity)
        assert bodies(client) == before


async def test_c_typ_1_typing_reaches_the_others(world: World) -> None:
    """Another agent who looks at the conversation sees it begin and end; the typist does not."""
    async with world.client() as client, world.client(user_id="agent-2") as other:
        client.typing(JID, True)
        await until(lambda: other.typists(JID) == ("agent-1",))
        client.typing(JID, False)
        await until(lambda: other.typists(JID) == ())
        assert client.typists(JID) == ()


async def test_c_typ_2_anothers_typing_ends_after_five_seconds_of_silence(world: World) -> None:
    """It shows at once, and goes by itself, and not before five seconds are over."""
    async with world.client() as client:
        client.open(OTHER_JID)
        began = time.monotonic()
        await world.push(events.TYPING, typing("agent-2"))
        await until(lambda: client.typists(JID) == ("agent-2",))
        assert client.typists(OTHER_JID) == ()
        await until(lambda: client.typists(JID) == (), within_s=20)
        assert 4.8 < time.monotonic() - began < 10  # a loaded machine


async def test_c_typ_2_own_typing_does_not_show(world: World) -> None:
    """Neither what another tab of the same agent types."""
    async with world.client() as client:
        await world.push(events.TYPING, typing("agent-1"))
        await world.served(client)
        assert client.typists(JID) == ()


async def test_mark_as_read_reaches_the_server(world: World) -> None:
    """What the agent has read counts as read at the server."""
    async with world.client() as client:
        await until(lambda: unread(world))
        client.mark_as_read(JID)
        await until(lambda: not unread(world))


def unread(world: World) -> int:
    return world.fakes.chatengine.store.unread("w-1", JID)


def typing(user_id: str) -> dict[str, object]:
    return {"conversationId": JID, "userId": user_id, "isTyping": True}
