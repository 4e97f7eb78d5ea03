"""The world in which most of these tests happen: fast, and with Supabase's own limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.supabase.world import World, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world
