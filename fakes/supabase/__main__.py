"""`python -m fakes.supabase`: serve until SIGTERM or SIGINT."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.serving import run
from fakes.supabase.app import running_supabase
from fakes.supabase.settings import SupabaseSettings


@asynccontextmanager
async def _open() -> AsyncIterator[int]:
    settings = SupabaseSettings.from_environment(os.environ)
    async with running_supabase(settings) as running:
        yield running.port


if __name__ == "__main__":
    sys.exit(run(_open))
