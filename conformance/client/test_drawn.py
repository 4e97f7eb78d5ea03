"""Schedules that are drawn: what people do and what goes wrong, in any order."""

import pytest

from conformance.checks import name_of, shows
from conformance.generated.blame import OF_CLIENTS, client_blame
from conformance.generated.checking import holds
from conformance.generated.client import ClientTarget
from conformance.settings import Settings
from conformance.targets.client import OWN_CLIENT


@shows(*OF_CLIENTS)
@pytest.mark.timeout(0)  # a night is a night; each step has its own deadline
async def test_drawn_schedules(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Whatever is done and goes wrong, it shows in the end: all of it, once, in order, as it is."""
    target = ClientTarget(settings.client.command or OWN_CLIENT)
    try:
        await holds(target, "client", client_blame, settings, name_of(request.node))
    finally:
        await target.close()
