"""The proxy over real sockets runs on both loops: the command has uvloop, a test its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

BOTH: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both for what is about sockets; the rest needs but one."""
    about_sockets = item.path.name in ("test_tcp.py", "test_leg.py")
    return BOTH if about_sockets else {"uvloop": BOTH["uvloop"]}
