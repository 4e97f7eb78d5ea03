"""A world of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chatengine.client.e2e.world import World, running_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world() as running:
        yield running
