"""How much the client remembers; what goes beyond goes, the oldest or longest unused first."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

__all__ = ["CHARACTERS_PER_UNIT", "Bounds"]

CHARACTERS_PER_UNIT: Final = 4096
"""A message counts as one, and one more for each 4096 characters of its text, so that bounds in
messages bound the memory too. WhatsApp takes 65,536 characters at most, people write 50."""


class Bounds(Struct, frozen=True, kw_only=True):
    """The bounds, and why they are enough.

    - `messages` of one conversation, the newest: 200 pages of history; nobody scrolls further.
    - `cached_conversations`, closed and kept to be shown at once (C-CAC-1), those used last: more
      than an agent has in a day. What holds an own unsent message stays beyond it (C-SND-4).
    - `cached_messages` of all of those together, about 50 MB at the 1 kB that one takes.
    - `early_statuses`: a status precedes its message by seconds, and a busy workspace has some
      hundred statuses a second.
    - `conversations` of the list, by their last message: as many as the fake ChatEngine keeps.
    """

    messages: int = 10_000
    cached_conversations: int = 50
    cached_messages: int = 50_000
    early_statuses: int = 10_000
    conversations: int = 20_000
