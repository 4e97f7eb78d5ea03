"""Tokens valid at the moment at which they are given (C-CONN-5)."""

from __future__ import annotations

import asyncio

import pytest

from chatengine.client.config import TokenConfig
from chatengine.client.tokens import AskedTokens, MintedTokens, NoToken, TokenSource
from chatengine.tokens import TokenRules, mint, verify

NOW = 1_800_000_000.0
RULES = TokenRules("a secret")


class Clock:
    """A clock in the test's hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def minted(clock: Clock, ttl_seconds: float = 3600, **claims: object) -> MintedTokens:
    config = TokenConfig(secret=RULES.secret, ttl_seconds=ttl_seconds, claims=claims)
    return MintedTokens(config, workspace_id="w-1", user_id="agent-1", clock=clock)


async def problem(source: TokenSource) -> NoToken:
    """Why the source gives no token."""
    with pytest.raises(NoToken) as caught:
        await source.token()
    assert str(caught.value) == caught.value.sentence
    return caught.value


async def test_a_minted_token_is_the_contracts(clock: Clock) -> None:
    """Section 3: an hour's life, the workspace and the user; `claims` have the last word."""
    claims = verify(await minted(clock).token(), RULES, now=NOW)
    assert (claims.workspace_id, claims.subject) == ("w-1", "agent-1")
    assert claims.expires_at == NOW + 3600
    own = verify(await minted(clock, workspace_id="w-9", sub="me").token(), RULES, now=NOW)
    assert (own.workspace_id, own.subject) == ("w-9", "me")


@pytest.mark.parametrize(("ttl_s", "renewed_after_s"), [(3600, 3540), (40, 30), (4, 3)])
async def test_a_token_is_renewed_before_its_end(
    clock: Clock, ttl_s: float, renewed_after_s: float
) -> None:
    """A minute before, or in the last quarter of a short life; until then it stays the same."""
    source = minted(clock, ttl_s)
    first = await source.token()
    clock.now += renewed_after_s - 0.5
    assert await source.token() == first
    clock.now += 0.5
    second = await source.token()
    assert second != first
    assert verify(second, RULES, now=clock.now).expires_at == clock.now + ttl_s


async def test_every_token_is_valid_when_it_is_given(clock: Clock) -> None:
    """C-CONN-5: whenever one asks, over the lives of many tokens."""
    source = minted(clock, 7)
    for _ in range(200):
        verify(await source.token(), RULES, now=clock.now)
        clock.now += 0.7


async def test_a_clock_set_back_makes_a_new_token(clock: Clock) -> None:
    """A token issued in what is now the future would be refused until then."""
    source = minted(clock)
    await source.token()
    clock.now -= 1800
    verify(await source.token(), RULES, now=clock.now)


async def test_a_refused_minted_token_is_kept(clock: Clock) -> None:
    """For a server whose clock is behind, a token issued later would be of the future again."""
    source = minted(clock)
    first = await source.token()
    source.refused()
    clock.now += 5
    assert await source.token() == first


async def test_claims_that_pin_the_past(clock: Clock) -> None:
    """A token that would be born dead is none, and says that it has expired."""
    why = await problem(minted(clock, exp=int(NOW) - 1))
    assert (why.expired, why.sentence) == (True, "the token has expired: sign in again")


async def test_claims_that_are_no_json(clock: Clock) -> None:
    """What cannot be signed is no token, and no other error."""
    why = await problem(minted(clock, thing=object()))
    assert why.sentence == "no token: its claims cannot be written as JSON"


class Asked:
    """A callable that counts, and gives what the test wants."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        answer = self.answers[min(self.calls, len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # also what a careless caller returns


def jwt(ttl_s: float, now: float = NOW) -> str:
    return mint(RULES, workspace_id="w-1", subject="u", now=now, ttl_s=ttl_s)


async def test_a_callable_is_asked_when_its_token_nears_its_end(clock: Clock) -> None:
    """Not for each attempt: its token is kept as a minted one is."""
    ask = Asked(jwt(40), jwt(3600))
    source = AskedTokens(ask, clock=clock)
    assert [await source.token() for _ in range(3)] == [jwt(40)] * 3
    clock.now += 30
    assert await source.token() == jwt(3600)
    assert ask.calls == 2


async def test_a_refused_token_is_asked_for_again(clock: Clock) -> None:
    """C-CONN-6: whoever signs in again is let in with the next attempt."""
    ask = Asked(jwt(3600), jwt(1800))
    source = AskedTokens(ask, clock=clock)
    await source.token()
    source.refused()
    assert await source.token() == jwt(1800)


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "a.e30.c", "..", "a.eyJleHAiOiJzb29uIn0.c", "a.W10.c", "é.é.é"]
)
async def test_a_token_without_an_end_is_asked_for_each_time(clock: Clock, token: str) -> None:
    """It need not be a JWT that we can read: the server judges it."""
    ask = Asked(token)
    source = AskedTokens(ask, clock=clock)
    assert [await source.token(), await source.token()] == [token, token]
    assert ask.calls == 2


async def test_an_expired_token_is_not_given(clock: Clock) -> None:
    """C-CONN-5: a session that has ended is told, not sent."""
    source = AskedTokens(Asked(jwt(-1), jwt(60)), clock=clock)
    assert (await problem(source)).expired
    assert await source.token() == jwt(60)


@pytest.mark.parametrize("nothing", ["", None, 7, b"bytes"])
async def test_what_is_no_token(clock: Clock, nothing: object) -> None:
    """A callable that returns none is told so."""
    why = await problem(AskedTokens(Asked(nothing), clock=clock))
    assert (why.expired, why.sentence) == (
        False,
        "no token: the function that gives it returned none",
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), TimeoutError(), asyncio.CancelledError()]
)
async def test_a_callable_that_raises(clock: Clock, error: BaseException) -> None:
    """Its class is told and not its text; whatever it waited for, we are not cancelled."""
    source = AskedTokens(Asked(error, jwt(60)), clock=clock)
    name = type(error).__name__
    why = await problem(source)
    assert why.sentence == f"no token: the function that gives it raised {name}"
    assert await source.token() == jwt(60)


async def test_a_callable_that_hangs_is_given_up(clock: Clock) -> None:
    """The deadline of whoever asks ends it, and nobody else waits for it in vain."""
    cancelled: list[bool] = []

    async def ask() -> str:
        if cancelled:
            return jwt(60)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        return ""

    source = AskedTokens(ask, clock=clock)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await source.token()
    assert await source.token() == jwt(60)


async def test_a_callable_is_asked_once_at_a_time(clock: Clock) -> None:
    """The socket and a poll at one moment are one question."""
    ask = Asked(jwt(3600))

    async def slowly() -> str:
        await asyncio.sleep(0)
        return await ask()

    source = AskedTokens(slowly, clock=clock)
    assert len(set(await asyncio.gather(*(source.token() for _ in range(10))))) == 1
    assert ask.calls == 1
