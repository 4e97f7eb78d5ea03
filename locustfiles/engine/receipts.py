"""What arrived of one stream at one subscriber: exactly which messages, in what order."""

from bisect import bisect_right
from collections.abc import Iterator

__all__ = ["Receipts"]


class Receipts:
    """The sequence numbers received, as disjoint ascending ranges, with duplicates and reorderings.

    A subscriber that loses nothing holds one range whatever the length of the run; each loss adds
    one.

    A hot loop may note the number that is `next` itself: by setting `next` to the one after it, and
    `settled` to what comes with it where that is more. Nothing else changes: what is next in turn
    is neither a duplicate nor overtaken.
    """

    __slots__ = ("_ends", "_starts", "duplicates", "next", "out_of_order", "settled")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # exclusive, so that two ranges that touch have equal ends
        self.next = -1  # the end of the last range, which may have grown since it was noted there
        self.settled = 0
        self.duplicates = 0
        self.out_of_order = 0

    def add(self, sequence: int, settled: int) -> bool:
        """Note an arrival; False when it had arrived before.

        `settled` says that all below it had entered the server before this message was posted
        (`Stamp.settled`). A message is out of order when one that entered after it came first.
        """
        if sequence == self.next:
            self.next = sequence + 1
        elif not self._insert(sequence):
            self.duplicates += 1
            return False
        if sequence < self.settled:
            self.out_of_order += 1
        elif settled > self.settled:
            self.settled = settled
        return True

    def _insert(self, sequence: int) -> bool:
        self._note_end()
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, sequence)  # the range that would follow
        if at and sequence < ends[at - 1]:
            return False
        joins_left = at > 0 and ends[at - 1] == sequence
        joins_right = at < len(starts) and starts[at] == sequence + 1
        if joins_left and joins_right:
            ends[at - 1] = ends.pop(at)
            starts.pop(at)
        elif joins_left:
            ends[at - 1] = sequence + 1
        elif joins_right:
            starts[at] = sequence
        else:
            starts.insert(at, sequence)
            ends.insert(at, sequence + 1)
        self.next = ends[-1]
        return True

    def _note_end(self) -> None:
        """Note the end of the last range where the others' ends are."""
        if self._ends:
            self._ends[-1] = self.next

    def count(self, start: int, end: int) -> int:
        """How many of the numbers from `start` up to but not including `end` have arrived."""
        overlaps = (min(end, e) - max(start, s) for s, e in self.ranges())
        return sum(overlap for overlap in overlaps if overlap > 0)

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges within `start` to `end` that have not arrived, ascending."""
        for received_from, received_to in self.ranges():
            if received_from >= end:
                break
            if start < received_from:
                yield start, received_from
            start = max(start, received_to)
        if start < end:
            yield start, end

    def ranges(self) -> Iterator[tuple[int, int]]:
        """The ranges received, ascending, each as first and one past the last."""
        self._note_end()
        return zip(self._starts, self._ends, strict=True)
