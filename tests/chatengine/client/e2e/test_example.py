"""The example that docs/client.md shows runs as it is written there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chatengine.client.e2e.world import JID
from tests.fakes.chatengine.world import SECRET

if TYPE_CHECKING:
    from tests.chatengine.client.e2e.world import World

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "examples" / "watch_a_conversation.py"


async def test_the_example_shows_a_conversation(world: World) -> None:
    """It connects, shows what a customer wrote, sends, and follows the status."""
    await world.write("Bom dia")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        *(world.network.url, "w-1", "agent-1", JID, "2"),
        env={"CHATENGINE_JWT_SECRET": SECRET, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err) == (0, b"")
    lines = out.decode().splitlines()
    assert "-- connected, served by websocket" in lines
    assert "  sending  'Olá!'" in lines
    assert "     read  'Olá!'" in lines


def test_the_page_shows_the_example_as_it_is() -> None:
    """docs/client.md has the very text of the example."""
    page = (ROOT / "docs" / "client.md").read_text()
    body = EXAMPLE.read_text().split('if __name__ == "__main__":')[0]
    assert body[body.index("async def watch") :].strip() in page
