"""One socket of a connection, with its peer in the test's hand."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from fakes.network.leg import Leg
from tests.waiting import until


class Heard:
    """What a leg tells, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def received(self, data: bytes) -> None:
        self.said.append(data.decode())

    def ended(self) -> None:
        self.said.append("ended")

    def lost(self) -> None:
        self.said.append("lost")

    def writable(self) -> None:
        self.said.append("writable")

    def closed(self) -> None:
        self.said.append("closed")


async def connected() -> tuple[Leg, Heard, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    peer.setblocking(False)
    heard = Heard()
    leg = Leg(accepted, heard)
    leg.resume()
    return leg, heard, peer


async def turns() -> None:
    """Let the loop look at its sockets a few times."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_end_is_told_once() -> None:
    """However long the socket stays half closed."""
    leg, heard, peer = await connected()
    with peer:
        peer.send(b"bye")
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: "ended" in heard.said)
        await turns()
        assert heard.said == ["bye", "ended"]
        leg.finish()
        assert heard.said == ["bye", "ended", "closed"]


async def test_a_fin_goes_behind_what_the_kernel_did_not_take() -> None:
    """All of it, first."""
    leg, heard, peer = await connected()
    with peer:
        size = 16 * 2**20
        leg.write(b"x" * size)
        assert leg.is_blocked
        leg.finish()
        leg.write(b"too late")
        got = 0
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(peer, 2**20):
            got += len(data)
        assert got == size
        assert heard.said == ["writable"]
    await until(lambda: heard.said[-1] == "closed")


@pytest.mark.parametrize("size", [3, 66_000])
async def test_a_reset_is_told_behind_what_was_said_before_it(size: int) -> None:
    """Even where both are there before anybody looks."""
    leg, heard, peer = await connected()
    peer.send(b"x" * size)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await until(lambda: heard.said[-1:] == ["closed"])
    assert heard.said[-2:] == ["lost", "closed"]
    assert len("".join(heard.said[:-2])) == size
    assert leg.is_closed


async def test_who_has_ended_and_is_gone_is_found_out_by_writing() -> None:
    """Nobody reads any more then."""
    leg, heard, peer = await connected()
    peer.close()
    await until(lambda: heard.said == ["ended"])

    def writes() -> bool:
        leg.write(b"are you there?")
        return leg.is_closed

    await until(writes)
    assert heard.said == ["ended", "lost", "closed"]
    leg.finish()
    leg.close()
    assert heard.said.count("closed") == 1
