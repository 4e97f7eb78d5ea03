"""What was seen, the newest `kept` of it: bounded, and honest about what it forgot."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Ledger"]

T = TypeVar("T")


class Ledger(Generic[T]):
    """A bounded list of records; `total` counts those since the last `clear`, forgotten or not."""

    def __init__(self, kept: int) -> None:
        self.total = 0
        self._records: deque[T] = deque(maxlen=kept)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._records))

    @property
    def forgotten(self) -> int:
        """How many records are no longer here."""
        return self.total - len(self._records)

    def add(self, make: Callable[[int], T]) -> T:
        """Keep the record that `make` returns for its sequence number, counted from 1."""
        self.total += 1
        record = make(self.total)
        self._records.append(record)
        return record

    def clear(self) -> None:
        """Forget everything and count from 1 again."""
        self.total = 0
        self._records.clear()
