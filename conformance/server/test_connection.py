"""S-CON: the state of a WhatsApp number is told to its workspace."""

from chatengine import events
from conformance.checks import shows
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.shapes import CONNECTION_UPDATE, require_shape


@shows("S-CON-1")
async def test_the_state_of_a_number(chat: Chat, transport: TransportName) -> None:
    """`connection.update` becomes `connectionUpdate` to every socket of the workspace."""
    number = chat.numbers_here[-1]
    agents = [
        await chat.agent(transport),
        await chat.agent(transport, subscribed_to=chat.conversation()),
    ]
    # A server may tell of a change alone, and nobody knows what it takes the number to be at first.
    await chat.webhook.changes_connection(number, "connecting")
    for state in ("close", "connecting", "open"):  # in the end it is open, for others need it
        await chat.webhook.changes_connection(number, state)
        for agent in agents:
            told = await agent.gets(events.CONNECTION_UPDATE, instance=number.instance, state=state)
            require_shape(chat.trace, told, CONNECTION_UPDATE, "a `connectionUpdate`")
            chat.trace.require(
                told["workspaceId"] == number.workspace_id,
                expected=f"the workspace {number.workspace_id}",
                seen=told,
            )


@shows("S-CON-1", "S-ISO-1")
async def test_no_other_workspace_hears_of_it(chat: Chat) -> None:
    """`connectionUpdate` goes to the number's workspace, and to no other."""
    number, its_own = chat.numbers_here[-1], chat.conversation()
    insider = await chat.agent()
    stranger = await chat.agent(number=chat.elsewhere, subscribed_to=its_own)
    for state in ("connecting", "open"):
        await chat.webhook.changes_connection(number, state)
    await insider.gets(events.CONNECTION_UPDATE, instance=number.instance, state="open")
    await chat.fence(stranger, its_own)
    chat.none(stranger, events.CONNECTION_UPDATE, instance=number.instance)
