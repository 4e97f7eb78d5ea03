"""The CRM client's socket, `SocketSource`, with a listener that counts."""

import asyncio
import time

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Open, obey
from chatengine.client.config import ChatEngineConfig, Timing, TokenConfig
from chatengine.client.socket import SocketSource
from chatengine.client.tokens import MintedTokens


class _Sockets:
    def __init__(self) -> None:
        self.events = 0
        self._sources: list[SocketSource] = []

    async def open(self, wanted: Open) -> None:
        for _ in range(wanted.sockets):
            await self._open_one(wanted)

    async def _open_one(self, wanted: Open) -> None:
        config = ChatEngineConfig(url=wanted.url, compression=wanted.compression)
        tokens = MintedTokens(
            TokenConfig(secret=wanted.key), workspace_id="w-1", user_id="u-1", clock=time.time
        )
        listener = _Listener(self)
        source = SocketSource(config, "w-1", tokens, Timing(), listener)
        source.start()
        await listener.up.wait()
        if not await source.subscribe(CONVERSATION):
            raise RuntimeError("ChatEngine did not acknowledge the subscription")
        if source.compressed != wanted.compression:
            raise RuntimeError("ChatEngine did not agree to what was wanted of compression")
        self._sources.append(source)


class _Listener:
    def __init__(self, sockets: _Sockets) -> None:
        self.up = asyncio.Event()
        self._sockets = sockets

    def connected(self) -> None:
        self.up.set()

    def lost(self, cause: str, refused: bool) -> None:
        raise RuntimeError(cause)

    def event(self, name: str, payload: object) -> None:
        self._sockets.events += 1


if __name__ == "__main__":
    asyncio.run(obey(_Sockets()))
