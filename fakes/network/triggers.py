"""Rules in force on one connection: what they have counted, and whether their point is reached."""

import re
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from fakes.network.frames import Frame
from fakes.network.schedule import Direction, OnFrame, Rule, Trigger

__all__ = ["Armed", "Budget", "Item", "Struck"]


class Struck(NamedTuple):
    """A rule whose point is reached in `direction`; `pin` is the rule for this point alone."""

    rule: Rule
    direction: Direction
    pin: Rule


Item: TypeAlias = bytes | Struck
"""What comes out of a stream: bytes to pass on, and what happens between them."""


class Budget:
    """How often a rule may still happen; directions that count towards one thing share it."""

    def __init__(self, rule: Rule) -> None:
        self._left = rule.on.times if isinstance(rule.on, OnFrame) else 1

    @property
    def is_spent(self) -> bool:
        """Whether the rule is done with."""
        return self._left == 0

    def take(self) -> bool:
        """Let it happen once more; False where it may not."""
        if self._left is None:
            return True
        if self._left == 0:
            return False
        self._left -= 1
        return True


class Armed:
    """A rule in force in one direction of connection number `connection`.

    `from_start`: it has been in force since the connection began.
    """

    def __init__(
        self, rule: Rule, budget: Budget, connection: int, direction: Direction, *, from_start: bool
    ) -> None:
        self.rule = rule
        self.budget = budget
        self._connection = connection
        self.direction = direction
        self._from_start = from_start
        self._matched = 0
        if isinstance(rule.on, OnFrame):
            self._on = rule.on
            self._prefix = (rule.on.prefix or "").encode()
            self._contains = (rule.on.contains or "").encode()
            self._regex = re.compile(rule.on.regex) if rule.on.regex else None

    def hits(self, frame: Frame, payload: bytes | None) -> bool:
        """Count a frame that matches; tells whether the rule is for it.

        `payload` is None where it cannot be known: then nothing that is asked of it holds.
        """
        if self._on.opcode not in (None, frame.opcode) or not self._likes(payload):
            return False
        self._matched += 1
        return self._matched >= self._on.nth

    def _likes(self, payload: bytes | None) -> bool:
        if not (self._prefix or self._contains or self._regex):
            return True
        if payload is None or not payload.startswith(self._prefix):
            return False
        if self._contains not in payload:
            return False
        return self._regex is None or bool(self._regex.search(payload.decode("utf-8", "replace")))

    def at_frame(self, number: int) -> Struck:
        """Strike at the frame that was just hit, which is number `number` of its direction.

        The pin names it by what it matched, where that was counted from the start: one heartbeat
        more or less, which time decides, then leaves a replay as it was.
        """
        if self._from_start:
            return self.at(replace(self._on, nth=self._matched, times=1, direction=self.direction))
        return self.at(OnFrame(nth=number, direction=self.direction, before=self._on.before))

    def at(self, point: Trigger) -> Struck:
        """Strike at a point."""
        number = self._connection
        pin = replace(self.rule, on=point, first=number, last=number)
        return Struck(self.rule, self.direction, pin)
