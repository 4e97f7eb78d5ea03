"""`python -m fakes.chatengine`: serve until SIGTERM or SIGINT (contract, section 10)."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.chatengine.app import running_chatengine
from fakes.chatengine.settings import ChatEngineSettings
from fakes.serving import run


@asynccontextmanager
async def _open() -> AsyncIterator[int]:
    settings = ChatEngineSettings.from_environment(os.environ)
    async with running_chatengine(settings) as running:
        yield running.port


if __name__ == "__main__":
    sys.exit(run(_open))
