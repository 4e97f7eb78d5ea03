"""The fake ChatEngine, whole: its argument `deflate` lets it agree to permessage-deflate."""

import asyncio
import secrets
import sys
from itertools import count
from typing import Final

import uvloop

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Listening, Write, answers, commands
from chatengine.status import Status
from fakes.chatengine.app import running_chatengine
from fakes.chatengine.settings import ChatEngineSettings
from fakes.chatengine.store import Draft, Route, Store
from fakes.environment import Instance, Secret
from fakes.serving import prepare_for_thousands

_WORKSPACE: Final = "w-1"
_NUMBER: Final = "n-1"
_INSTANCE: Final = "sales-1"
_numbers = count(1)


async def _main() -> None:
    answer = answers()
    secret = secrets.token_hex()
    settings = ChatEngineSettings(
        secret=Secret(secret),
        instances={_INSTANCE: Instance(_WORKSPACE, _NUMBER)},
        compression="deflate" in sys.argv,
    )
    async with running_chatengine(settings) as engine:
        engine.store.open(_WORKSPACE, Route(_INSTANCE, _NUMBER, CONVERSATION))
        answer(Listening(engine.port, secret))
        async for command in commands():
            assert isinstance(command, Write)
            _write(engine.store, command.text)


def _write(store: Store, text: str) -> None:
    """Two events: `message` to the subscribers, `conversation` to the workspace."""
    key = f"3EB0{next(_numbers):016X}"
    draft = Draft(
        id=f"evo-{key}",
        provider_id=key,
        sender_id=CONVERSATION,
        type="text",
        content=text,
        status=Status.DELIVERED,
        name="Maria",
        from_customer=True,
    )
    store.add(_WORKSPACE, CONVERSATION, draft)


if __name__ == "__main__":
    prepare_for_thousands()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
