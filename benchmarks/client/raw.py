"""python-socketio's `AsyncClient` as it comes, with a handler that counts."""

import asyncio
import time

import socketio

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Open, obey
from chatengine import events
from chatengine.tokens import TokenRules, mint


class _Raw:
    def __init__(self) -> None:
        self.events = 0
        self._clients: list[socketio.AsyncClient] = []

    async def open(self, wanted: Open) -> None:
        rules = TokenRules(wanted.key)
        token = mint(rules, workspace_id="w-1", subject="u-1", now=time.time())
        client = socketio.AsyncClient(handle_sigint=False)
        client.on(events.MESSAGE, self._on_event)
        client.on(events.CONVERSATION, self._on_event)
        await client.connect(
            wanted.url,
            auth={"token": token, "workspaceId": "w-1"},
            transports=["websocket"],
            socketio_path=events.SOCKET_PATH,
        )
        await client.call(events.SUBSCRIBE, CONVERSATION)
        self._clients.append(client)

    async def _on_event(self, payload: object) -> None:
        self.events += 1


if __name__ == "__main__":
    asyncio.run(obey(_Raw()))
