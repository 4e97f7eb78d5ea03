"""The stamp a published message carries in its provider id.

A WhatsApp message id is opaque text that begins with `3EB0` and goes on in upper-case hex; a server
hands it through unchanged (contract, section 5: the message's id is `evo-<key.id>`, its provider
id `key.id`). So all that the receiving end needs travels there, and no server has to cooperate:

    3EB0 | run 4 | stream 6 | sequence 7 | intended 13 | lag 7 | behind 3      (hex digits)
"""

from typing import Final

from msgspec import Struct

__all__ = ["MAX_BEHIND", "MAX_LAG_US", "Stamp", "parse"]

_PREFIX: Final = "3EB0"
_LENGTH: Final = len(_PREFIX) + 40
_BEHIND_BITS: Final = 12
_LAG_BITS: Final = 28
_INTENDED_BITS: Final = 52
_SEQUENCE_BITS: Final = 28
_STREAM_BITS: Final = 24

MAX_BEHIND: Final = (1 << _BEHIND_BITS) - 1
MAX_LAG_US: Final = (1 << _LAG_BITS) - 1
"""268 s; a publisher that is further behind its schedule writes this."""


class Stamp(Struct, frozen=True):
    """Who published a message, which one it is, and when it was meant to go out.

    `run` and `stream` tell this run's messages from others'; `sequence` counts a stream's messages
    from 0; `intended_us` is the scheduled moment, in microseconds of the run's clock, and `lag_us`
    how much later it was really posted. `behind` counts the messages of the stream that came
    before and had not been answered when this one was posted: only what was answered by then is
    known to have entered earlier, so only that can be out of order (S-MSG-3).
    """

    run: int
    stream: int
    sequence: int
    intended_us: int
    lag_us: int
    behind: int

    @property
    def settled(self) -> int:
        """All of the stream below this sequence number had entered before this one was posted.

        0, which claims nothing, where `behind` is at its limit.
        """
        return 0 if self.behind >= MAX_BEHIND else self.sequence - self.behind

    def provider_id(self) -> str:
        """Write the stamp as a WhatsApp message id of 44 characters."""
        bits = self.run
        bits = bits << _STREAM_BITS | self.stream
        bits = bits << _SEQUENCE_BITS | self.sequence
        bits = bits << _INTENDED_BITS | self.intended_us
        bits = bits << _LAG_BITS | min(self.lag_us, MAX_LAG_US)
        bits = bits << _BEHIND_BITS | min(self.behind, MAX_BEHIND)
        return f"{_PREFIX}{bits:040X}"


def parse(provider_id: str) -> Stamp | None:
    """Read a stamp back; None for an id that no publisher of ours wrote."""
    if len(provider_id) != _LENGTH or not provider_id.startswith(_PREFIX):
        return None
    try:
        bits = int(provider_id[len(_PREFIX) :], 16)
    except ValueError:
        return None
    behind = bits & MAX_BEHIND
    bits >>= _BEHIND_BITS
    lag = bits & MAX_LAG_US
    bits >>= _LAG_BITS
    intended = bits & ((1 << _INTENDED_BITS) - 1)
    bits >>= _INTENDED_BITS
    sequence = bits & ((1 << _SEQUENCE_BITS) - 1)
    bits >>= _SEQUENCE_BITS
    return Stamp(
        bits >> _STREAM_BITS, bits & ((1 << _STREAM_BITS) - 1), sequence, intended, lag, behind
    )
