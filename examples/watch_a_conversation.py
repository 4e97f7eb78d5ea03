"""Watch one conversation, and say hello in it: the CRM client in thirty lines.

Run it with CHATENGINE_JWT_SECRET in the environment, and URL, workspace, user, conversation and
seconds as arguments: `http://127.0.0.1:4001 w-1 agent-1 5511999999999@s.whatsapp.net 10`.
"""

import asyncio
import os
import sys

from chatengine.client import (
    Change,
    ChatEngineConfig,
    ClientConfig,
    ConnectionChanged,
    CrmClient,
    MessagesChanged,
    TokenConfig,
)


async def watch(config: ClientConfig, conversation_id: str, seconds: float) -> None:
    """Print what changes, as it changes."""

    def show(change: Change) -> None:
        match change:
            case ConnectionChanged(connection):
                print(f"-- {connection.state.value}, served by {connection.source.value}")
            case MessagesChanged(changed) if changed == conversation_id:
                newest = client.messages(conversation_id)[0]
                print(f"{newest.status.crm:>9}  {newest.body!r}")

    async with CrmClient(config) as client:
        client.on_change(show)
        client.open(conversation_id)
        client.send(conversation_id, "Olá!")
        await asyncio.sleep(seconds)


if __name__ == "__main__":
    url, workspace_id, user_id, conversation, duration = sys.argv[1:]
    config = ClientConfig(
        chatengine=ChatEngineConfig(url=url),
        token=TokenConfig(secret=os.environ["CHATENGINE_JWT_SECRET"]),
        workspace_id=workspace_id,
        user_id=user_id,
    )
    asyncio.run(watch(config, conversation, float(duration)))
