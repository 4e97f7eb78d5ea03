"""The sentences: what was refused, in whose words, and what to do."""

import pytest

from chatengine.client.supabase import refusals


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            refusals.handshake(401),
            "Supabase Realtime answered 401: the key was refused: it must be this project's anon "
            "key, and not expired",
        ),
        (
            refusals.handshake(500),
            "Supabase Realtime answered 500: the server failed: it is tried again",
        ),
        (
            refusals.join("ChannelRateLimitReached: Too many channels"),
            "Supabase refused the channel: ChannelRateLimitReached: Too many channels "
            "(close some conversations: a connection holds 100 channels)",
        ),
        (refusals.join(""), "Supabase refused the channel: it gave no reason"),
        (
            refusals.subscription("Token has expired 5 seconds ago"),
            "Supabase does not serve the channel: Token has expired 5 seconds ago "
            "(sign in again, or give a valid key or access token)",
        ),
        (
            refusals.subscription("never heard of"),
            "Supabase does not serve the channel: never heard of",
        ),
        (
            refusals.unreachable(ConnectionRefusedError(111, "http://host/?apikey=SECRET")),
            "Supabase cannot be reached (Connection refused): check its URL and the network",
        ),
        (refusals.closed(1001), "Supabase closed the connection (1001)"),
        (refusals.closed(1006), "the connection to Supabase broke"),
        (refusals.closed(None), "the connection to Supabase broke"),
        (
            refusals.no_token(KeyError("SECRET")),
            "no access token for Supabase could be had (KeyError): sign in again",
        ),
        (
            refusals.read("messages", 403, "permission denied for table messages"),
            "Supabase answered 403 for messages: permission denied for table messages "
            "(give the user's role the right to read the table)",
        ),
        (refusals.read("messages", 500, ""), "Supabase answered 500 for messages"),
    ],
    ids=lambda text: text[:40],
)
def test_a_sentence(sentence: str, expected: str) -> None:
    """A sentence names what happened and what to do, and never a key."""
    assert sentence == expected


def test_a_hostile_reason() -> None:
    """A peer's words are one line, without control characters, and cut short."""
    said = "Supabase refused the channel: "
    assert refusals.join("a\x1b[31m\nb") == f"{said}a [31m b"
    assert refusals.join("x" * 10_000) == f"{said}{'x' * 200}..."
