"""The fake Supabase, with limits that let every change through; it polls as Realtime does."""

import asyncio
import secrets
from typing import Final

import uvloop

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Listening, Write, answers, commands
from fakes.environment import Instance, Secret
from fakes.serving import prepare_for_thousands
from fakes.supabase import SupabaseSettings, running_supabase
from fakes.supabase.database import Database
from fakes.supabase.settings import Limits

_WORKSPACE: Final = "w-1"
_LIMITS: Final = Limits(events=100_000)


async def _main() -> None:
    answer = answers()
    settings = SupabaseSettings(
        instances={"sales-1": Instance(_WORKSPACE, "n-1")},
        secret=Secret(secrets.token_hex()),
        limits=_LIMITS,
    )
    async with running_supabase(settings) as supabase:
        answer(Listening(supabase.port, supabase.anon_keys[_WORKSPACE]))
        async for command in commands():
            assert isinstance(command, Write)
            _write(supabase.database, command.text)


def _write(database: Database, text: str) -> None:
    """Two changes: the row is inserted, and its status updated."""
    row = {"workspace_id": _WORKSPACE, "conversation_id": CONVERSATION, "body": text}
    (written,) = database.insert("messages", [row | {"status": "sent", "is_outgoing": True}])
    database.update_row("messages", (written["id"],), {"status": "delivered"})


if __name__ == "__main__":
    prepare_for_thousands()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
