"""The world in which most of these tests happen: the usual settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.chatengine.world import World, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world
