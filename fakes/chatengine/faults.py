"""The faults that a test has switched on in the fake ChatEngine; none by itself."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["LONGEST_DELAY_MS", "Delays", "Faults", "Refusal"]

LONGEST_DELAY_MS: Final = 60_000
"""What is delayed waits in memory, so no delay is without an end."""


class Delays(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How long things are held back, in milliseconds."""

    deliveries_ms: int = 0
    """Every event to a client. They leave in the order in which they would have left."""
    acks_ms: int = 0
    """The acknowledgements of clients' events."""
    webhooks_ms: int = 0
    """The answers to webhooks; what they brought is handled at once."""


class Refusal(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How new connections are refused: `count` of them, or all until cleared.

    With `status` the Engine.IO handshake is answered with that HTTP status. With `code` the
    Socket.IO CONNECT is answered with CONNECT_ERROR of that `data.code`.
    """

    status: int | None = None
    code: str | None = None
    message: str = "refused for a test"
    count: int | None = None


class Faults:
    """What is switched on at the moment."""

    def __init__(self) -> None:
        self.delays = Delays()
        self.refusal: Refusal | None = None

    def clear(self) -> None:
        """Switch everything off; what is already held back still takes its time."""
        self.delays = Delays()
        self.refusal = None

    def refuse_handshake(self) -> Refusal | None:
        """Return how the handshake at hand is to be refused, and count it."""
        if self.refusal is None or self.refusal.status is None:
            return None
        return self._counted(self.refusal)

    def refuse_connect(self) -> Refusal | None:
        """Return how the CONNECT at hand is to be refused, and count it."""
        if self.refusal is None or self.refusal.code is None:
            return None
        return self._counted(self.refusal)

    def _counted(self, refusal: Refusal) -> Refusal:
        if refusal.count is not None:
            left = refusal.count - 1
            self.refusal = replace(refusal, count=left) if left else None
        return refusal
