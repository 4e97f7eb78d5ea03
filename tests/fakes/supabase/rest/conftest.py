"""The world in which these tests happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.supabase.rest.world import World, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world
