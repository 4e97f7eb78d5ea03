"""Schedules, frames and slicings, drawn by Hypothesis."""

from hypothesis import strategies as st

from fakes.network import (
    AfterBytes,
    Bandwidth,
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Heal,
    Hold,
    Latency,
    OnFrame,
    Refuse,
    Release,
    Reset,
    Rule,
    Schedule,
    Slice,
    Swap,
)
from tests.fakes.network.wire import OPCODES, frame

__all__ = ["cuts", "frame_faults", "frames", "rules", "schedules"]

counts = st.integers(1, 2**53 - 1)
seeds = st.integers(0, 2**53 - 1)
ms = st.integers(0, 3_600_000)
both = st.sampled_from(("both", "to_client", "to_target"))
patterns = st.none() | st.text(max_size=20)

after_bytes = st.builds(AfterBytes, st.integers(0, 2**53 - 1), both)
on_frame = st.builds(
    OnFrame,
    nth=counts,
    times=st.none() | counts,
    direction=both,
    opcode=st.none() | st.sampled_from(tuple(OPCODES)),
    prefix=patterns,
    contains=patterns,
    regex=st.sampled_from((None, "^42", r"\d+", "a|b")),
    before=st.booleans(),
)
of_the_line: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Latency, ms, ms, seeds, both),
    st.builds(Bandwidth, st.integers(1, 10**12), both),
    st.builds(Slice, st.integers(1, 100), st.none() | st.integers(100, 65_536), seeds),
    st.builds(HalfOpen, both),
    st.builds(Hold, st.none() | ms),
    st.builds(Release, both),
    st.sampled_from((Cut(), Reset(), Heal())),
)
of_frames: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Duplicate, st.integers(1, 100)), st.sampled_from((Drop(), Swap()))
)
corrupt = st.builds(Corrupt, st.integers(1, 65_536), st.integers(1, 255), st.integers(0, 65_536))


frame_faults: st.SearchStrategy[Fault] = st.sampled_from(
    (Drop(), Duplicate(), Swap(), Corrupt(), Cut(), Hold())
)


def rules() -> st.SearchStrategy[Rule]:
    """Any rule at all."""
    first = st.integers(1, 100)
    last = st.none() | st.integers(100, 200)
    return st.one_of(
        st.builds(Rule, of_the_line, after_bytes | on_frame, first, last, ms),
        st.builds(Rule, of_frames, on_frame, first, last),
        st.builds(Rule, corrupt, after_bytes | on_frame, first, last),
        st.builds(Rule, st.just(Refuse()), first=first, last=last),
    )


def schedules() -> st.SearchStrategy[Schedule]:
    """Any schedule of a few rules."""
    return st.builds(Schedule, st.lists(rules(), max_size=5).map(tuple))


def frames(*, masked: bool | None = None) -> st.SearchStrategy[bytes]:
    """One frame on the wire: any opcode, any of the three forms of its length."""
    payloads = st.binary(max_size=40) | st.sampled_from((b"x" * 125, b"y" * 126, b"z" * 65_536))
    keys = {None: (b"", b"\x01\x82\x00\xff"), True: (b"\x01\x82\x00\xff",), False: (b"",)}[masked]
    return st.builds(
        lambda payload, opcode, key, last: frame(payload, opcode, key=key, last=last),
        payloads,
        st.sampled_from(tuple(OPCODES)),
        st.sampled_from(keys),
        st.booleans(),
    )


def cuts() -> st.SearchStrategy[list[int]]:
    """Places to cut a stream at: anywhere, and close together near its beginning."""
    return st.lists(st.integers(0, 200) | st.integers(0, 70_000), max_size=30)
