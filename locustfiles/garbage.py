"""Python's garbage collector, kept from pausing a run.

A full collection looks at every object of the process: with 2,000 users that took 40 to 270 ms, in
which nothing is received and every latency grows. What users and sockets are made of lives until
the run ends, so there is nothing in it to find.
"""

import gc
from typing import Final

__all__ = ["leave_alone", "look_again", "rarely"]

# Young garbage is still collected, in a millisecond or two; the old only after 50 million objects.
_RARE: Final = (10_000, 50, 100)
_USUAL: Final = gc.get_threshold()


def rarely() -> None:
    """While users come: hardly ever look at everything."""
    gc.set_threshold(*_RARE)


def leave_alone() -> None:
    """All users are here: collect once, and never look at what is left again."""
    gc.collect()
    gc.freeze()


def look_again() -> None:
    """The run is over: back to the usual."""
    gc.unfreeze()
    gc.set_threshold(*_USUAL)
