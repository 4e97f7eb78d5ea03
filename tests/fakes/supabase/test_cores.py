"""What does no I/O: frames, bindings, keys, rates, faults and patterns."""

from __future__ import annotations

import contextlib
import fnmatch
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.environment import Secret
from fakes.supabase import filters
from fakes.supabase.faults import Faults, HeartbeatUnanswered, JoinDelayed, JoinRefused
from fakes.supabase.filters import Operation
from fakes.supabase.keys import Keys, TokenProblem
from fakes.supabase.realtime.bindings import MalformedBinding, read_binding
from fakes.supabase.realtime.frames import Frame, MalformedFrame, decode, encode, negotiate, reply
from fakes.supabase.realtime.rates import Rate

if TYPE_CHECKING:
    from fakes.supabase.realtime.frames import Version

REFS = st.none() | st.text(max_size=5)
PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)
FRAMES = st.builds(Frame, st.text(max_size=9), st.text(max_size=9), PAYLOADS, REFS, REFS)


@given(FRAMES)
def test_frames_of_version_2_come_back_whole(frame: Frame) -> None:
    """What is written is read again, both refs with it."""
    wire = encode(frame, "2.0.0")
    assert wire is not None
    assert decode(wire, "2.0.0") == frame


@given(FRAMES)
def test_frames_of_version_1_lose_their_join_ref(frame: Frame) -> None:
    """The server never sends one."""
    wire = encode(frame, "1.0.0")
    assert wire is not None
    assert decode(wire, "1.0.0") == Frame(frame.topic, frame.event, frame.payload, frame.ref)


@given(st.text() | st.binary(), st.sampled_from(["1.0.0", "2.0.0"]))
def test_garbage_is_malformed_and_nothing_else(data: str | bytes, version: Version) -> None:
    """Reading raises the one documented error, if any."""
    with contextlib.suppress(MalformedFrame):
        assert isinstance(decode(data, version), Frame)


@pytest.mark.parametrize(
    ("vsn", "version"),
    [(None, "1.0.0"), ("1.0.0", "1.0.0"), ("2.0.0", "2.0.0"), ("3.0.0", None), ("", None)],
)
def test_versions(vsn: str | None, version: str | None) -> None:
    """None means 1.0.0."""
    assert negotiate(vsn) == version


def test_a_reply_carries_both_refs() -> None:
    """Those of the frame that it answers."""
    answer = reply(Frame("t", "e", {}, "2", "1"), "ok", {"a": 1})
    assert answer == Frame("t", "phx_reply", {"status": "ok", "response": {"a": 1}}, "2", "1")


@given(
    st.dictionaries(st.sampled_from(["event", "schema", "table", "filter", "select"]), PAYLOADS)
    | st.fixed_dictionaries({"schema": st.text(), "table": st.text(), "filter": st.text()})
)
def test_bindings_of_any_shape(parameters: dict[str, Any]) -> None:
    """Reading raises the one documented error, if any."""
    with contextlib.suppress(MalformedBinding):
        assert read_binding(parameters).event in ("INSERT", "UPDATE", "DELETE", "*")


@given(st.text("ab%_", max_size=6), st.text("ab", max_size=8))
def test_like_is_a_pattern_of_any_and_one(pattern: str, text: str) -> None:
    """`%` is any text and `_` any character, as `*` and `?` are in a shell."""
    matches = filters.test_of(Operation("like", pattern), "text")
    shell = pattern.replace("%", "*").replace("_", "?")
    assert matches(text) == fnmatch.fnmatchcase(text, shell)


def test_like_takes_special_characters_as_they_are() -> None:
    """What means something to a regular expression means nothing to LIKE; `\\` escapes."""
    for text in ("a.c", "(", "50%", "\n"):
        literal = re.sub(r"([%_\\])", r"\\\1", text)
        matches = filters.test_of(Operation("like", literal), "text")
        assert (matches(text), matches("abc")) == (True, False)
    assert filters.test_of(Operation("like", "%b"), "text")("a\nb")


def test_a_pattern_never_runs_wild() -> None:
    """A pattern of many wildcards over a long text is done at once."""
    matches = filters.test_of(Operation("like", "%a" * 30 + "%b"), "text")
    assert matches("a" * 50_000) is False


def test_keys_are_always_the_same() -> None:
    """Of one secret; they can be written into a configuration."""
    first, second = (Keys(Secret("x" * 32)) for _ in range(2))
    assert first.anon("w-1") == second.anon("w-1") != first.anon("w-2")
    claims = first.verify(first.anon("w-1"), now=1_800_000_000)
    assert (claims.role, claims.workspace_id, claims.subject) == ("anon", "w-1", None)


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "....", "é", "eyJhbGciOiJub25lIn0.e30.", "a" * 10_000, "%00", "\x00"],
)
def test_tokens_that_are_none(token: str) -> None:
    """Whatever is given, the one documented error is raised."""
    with pytest.raises(TokenProblem):
        Keys(Secret("x" * 32)).verify(token, now=0)


def test_an_expiry_is_exact() -> None:
    """A token lives until the second that it names, not into it."""
    keys = Keys(Secret("x" * 32))
    token = keys.user("w-1", "agent-1", now=100, ttl_s=10)
    assert keys.verify(token, now=109.9).expires_at == 110
    with pytest.raises(TokenProblem) as expired:
        keys.verify(token, now=117.5)
    assert (expired.value.problem, expired.value.late_s) == ("expired", 7)


def test_a_rate_is_of_any_second() -> None:
    """What is a second old makes room."""
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    taken = []
    for now[0] in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5):
        taken.append(rate.take())
    assert taken == [True, True, False, True, False, True]


def test_faults_count_down() -> None:
    """A fault holds for so many occasions, for its topic alone, or until cleared."""
    faults = Faults([JoinRefused(topic="a", count=2), HeartbeatUnanswered()])
    assert faults.take(JoinRefused, "b") is None
    assert faults.take(JoinDelayed, "a") is None
    assert [faults.take(JoinRefused, "a") is not None for _ in range(3)] == [True, True, False]
    assert faults.take(HeartbeatUnanswered) == HeartbeatUnanswered()
    faults.clear()
    assert faults.take(HeartbeatUnanswered) is None
