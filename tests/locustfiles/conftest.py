"""An engine for each test, and how to wait for what happens on its thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locustfiles.engine.thread import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A running engine, closed at the end."""
    engine = Engine()
    yield engine
    engine.close()
