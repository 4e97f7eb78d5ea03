"""How a server gets wrong who may connect (S-AUTH)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import jwt

from chatengine.tokens import Claims, TokenError, TokenRules, verify
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import agents
from fakes.chatengine.agents import Agents
from fakes.chatengine.realtime.server import RealtimeServer

_OTHERS: Final = ["HS384", "HS512"]


def _verifying(seams: Seams, differently: Callable[..., Claims]) -> None:
    """Verify as `differently` does: called with the token, the rules and the moment."""

    @seams.function(agents, "verify")
    def verified(token: object, rules: TokenRules, *, now: float) -> Claims:
        return differently(token, rules, now)


def _unchecked(token: object) -> dict[str, Any]:
    """A token's claims, whoever signed it."""
    try:
        claims: dict[str, Any] = jwt.decode(str(token), options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims


def _admitted(claims: dict[str, Any]) -> Claims:
    return Claims(str(claims["workspace_id"]), str(claims.get("sub", "")), time.time() + 3600)


@mutant("S-AUTH-1")
def admits_without_a_token(seams: Seams) -> None:
    """Lets a socket without a token into the workspace that it names."""
    admit = Agents._admit

    @seams.function(Agents, "_admit")
    def anybody(self: Agents, auth: object) -> Claims:
        given = auth if isinstance(auth, dict) else {}
        if not given.get("token"):
            workspace_id = given.get("workspaceId")
            return Claims(workspace_id if isinstance(workspace_id, str) else "w-1", "", 0.0)
        return admit(self, auth)


@mutant("S-AUTH-1", "S-AUTH-2", "S-AUTH-3", "S-AUTH-5", "S-AUTH-6")
def refuses_without_a_code(seams: Seams) -> None:
    """Refuses with a message alone, as a middleware's plain `new Error(...)` does."""
    refusal = RealtimeServer._refusal

    @seams.function(RealtimeServer, "_refusal")
    async def message_alone(self: RealtimeServer, peer: Any, member: Any, auth: Any) -> Any:
        found = await refusal(self, peer, member, auth)
        return {"message": found["message"]} if isinstance(found, dict) else found


@mutant("S-AUTH-2")
def chokes_on_garbage(seams: Seams) -> None:
    """Fails with an error of its own where a token is none at all: no code tells the client why."""

    def choke(token: object, rules: TokenRules, now: float) -> Claims:
        if isinstance(token, str) and token.count(".") != 2:
            raise ValueError("Invalid Compact JWS")
        if not isinstance(token, str | None):
            raise TypeError("the token is no text")
        return verify(token, rules, now=now)

    _verifying(seams, choke)


@mutant("S-AUTH-3")
def decodes_without_verifying(seams: Seams) -> None:
    """Reads the claims without a look at the signature (`jwt.decode` for `jwt.verify`)."""

    def trusting(token: object, rules: TokenRules, now: float) -> Claims:
        try:
            found = verify(token, rules, now=now)
        except TokenError:
            claims = _unchecked(token)
            if "workspace_id" not in claims or claims.get("exp", 0) <= now:
                raise
            header = jwt.get_unverified_header(str(token))
            if header.get("alg") != "HS256":
                raise
            return _admitted(claims)
        return found

    _verifying(seams, trusting)


@mutant("S-AUTH-4")
def accepts_alg_none(seams: Seams) -> None:
    """Accepts a token that is not signed at all, as its header says."""

    def unsigned(token: object, rules: TokenRules, now: float) -> Claims:
        claims = _unchecked(token)
        if claims and jwt.get_unverified_header(str(token)).get("alg", "").lower() == "none":
            return _admitted(claims)
        return verify(token, rules, now=now)

    _verifying(seams, unsigned)


@mutant("S-AUTH-4")
def accepts_other_algorithms(seams: Seams) -> None:
    """Accepts whatever HMAC the token's header names, not HS256 alone."""

    def any_hmac(token: object, rules: TokenRules, now: float) -> Claims:
        try:
            return _admitted(jwt.decode(str(token), rules.secret, algorithms=_OTHERS))
        except (jwt.PyJWTError, KeyError):
            return verify(token, rules, now=now)

    _verifying(seams, any_hmac)


@mutant("S-AUTH-5")
def never_looks_at_exp(seams: Seams) -> None:
    """Accepts a token whose time is over."""
    _at_moment(seams, lambda now, claims: min(now, claims.get("exp", now) - 1))


@mutant("S-AUTH-9")
def never_looks_at_nbf(seams: Seams) -> None:
    """Accepts a token before its time."""
    _at_moment(seams, lambda now, claims: max(now, claims.get("nbf", now)))


def _at_moment(seams: Seams, moment: Callable[[float, dict[str, Any]], float]) -> None:
    """Verify as of another moment than now."""

    def otherwise(token: object, rules: TokenRules, now: float) -> Claims:
        return verify(token, rules, now=moment(now, _unchecked(token)))

    _verifying(seams, otherwise)


@mutant("S-AUTH-6")
def takes_the_workspace_of_the_handshake(seams: Seams) -> None:
    """Takes the handshake's `workspaceId` where the token names no workspace."""
    admit = Agents._admit

    @seams.function(Agents, "_admit")
    def completed(self: Agents, auth: object) -> Claims:
        try:
            return admit(self, auth)
        except TokenError as error:
            if error.reason != "token without a workspace" or not isinstance(auth, dict):
                raise
            return Claims(str(auth.get("workspaceId")), "", time.time() + 3600)


@mutant("S-AUTH-6", "S-AUTH-7")
def says_unauthorized_to_all(seams: Seams) -> None:
    """Refuses a good token without a workspace, or of another one, as `unauthorized`."""
    admit = Agents._admit

    @seams.function(Agents, "_admit")
    def one_code(self: Agents, auth: object) -> Claims:
        try:
            return admit(self, auth)
        except TokenError as error:
            raise TokenError("unauthorized", error.reason) from None


@mutant("S-AUTH-7")
def never_compares_workspaces(seams: Seams) -> None:
    """Lets a good token in whatever workspace the handshake names."""

    @seams.function(Agents, "_admit")
    def by_token(self: Agents, auth: object) -> Claims:
        given = auth if isinstance(auth, dict) else {}
        return verify(given.get("token"), self._rules, now=time.time())


@mutant("S-AUTH-7")
def believes_the_handshake(seams: Seams) -> None:
    """Puts a good token's socket into the workspace that the handshake names."""

    @seams.function(Agents, "_admit")
    def by_handshake(self: Agents, auth: object) -> Claims:
        given = auth if isinstance(auth, dict) else {}
        claims = verify(given.get("token"), self._rules, now=time.time())
        return Claims(str(given.get("workspaceId")), claims.subject, claims.expires_at)


@mutant("S-AUTH-8")
def knows_one_name_of_the_workspace(seams: Seams) -> None:
    """Reads the claim `workspace_id`, and none of its aliases."""
    _with_claims(seams, lambda claims: "workspace_id" in claims)


@mutant("S-AUTH-8")
def knows_two_names_of_the_workspace(seams: Seams) -> None:
    """Reads the claims `workspace_id` and `workspaceId`, but not `workspace`."""
    _with_claims(seams, lambda claims: "workspace_id" in claims or "workspaceId" in claims)


@mutant("S-AUTH-8")
def knows_one_name_of_the_user(seams: Seams) -> None:
    """Reads the claim `sub`, and none of its aliases."""

    def by_sub(token: object, rules: TokenRules, now: float) -> Claims:
        found = verify(token, rules, now=now)
        subject = found.subject if "sub" in _unchecked(token) else ""
        return Claims(found.workspace_id, subject, found.expires_at)

    _verifying(seams, by_sub)


def _with_claims(seams: Seams, are_known: Callable[[dict[str, Any]], bool]) -> None:
    def by_name(token: object, rules: TokenRules, now: float) -> Claims:
        found = verify(token, rules, now=now)
        if not are_known(_unchecked(token)):
            raise TokenError("forbidden", "token without a workspace")
        return found

    _verifying(seams, by_name)


@mutant("S-AUTH-10")
def never_looks_at_iss(seams: Seams) -> None:
    """Accepts a token of another issuer than the configured one."""
    _with_rules(seams, lambda rules: TokenRules(rules.secret, None, rules.audience))


@mutant("S-AUTH-10")
def never_looks_at_aud(seams: Seams) -> None:
    """Accepts a token for another audience than the configured one."""
    _with_rules(seams, lambda rules: TokenRules(rules.secret, rules.issuer, None))


def _with_rules(seams: Seams, other: Callable[[TokenRules], TokenRules]) -> None:
    def by_rules(token: object, rules: TokenRules, now: float) -> Claims:
        return verify(token, other(rules), now=now)

    _verifying(seams, by_rules)
