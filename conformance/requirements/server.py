"""What a ChatEngine server owes its clients: section 8 of `docs/contract.md`, word for word.

A clause is what the contract says behind the id, as far as the next id; where several ids share an
ending ("each refused with its code"), each has it. The words are held to the contract by a test.

Capabilities: `polling` (the transport), `typing`, `message_scope` (messages go to a conversation's
subscribers alone; without it, to the whole workspace), `iss_aud` (the server is configured with an
issuer or an audience).
"""

from typing import Final

from conformance.requirements.clauses import Requirement

__all__ = ["SERVER"]

SERVER: Final = (
    Requirement(
        "S-AUTH-1",
        "no token: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-2",
        "garbage: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-3",
        "wrong signature: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-4",
        "`alg: none` or another algorithm: each refused with its code, before any event "
        "is delivered.",
    ),
    Requirement(
        "S-AUTH-5",
        "expired: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-6",
        "no workspace claim: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-7",
        "token of another workspace: each refused with its code, before any event is delivered.",
    ),
    Requirement(
        "S-AUTH-8",
        "the claim's aliases are accepted.",
    ),
    Requirement(
        "S-AUTH-9",
        "a token not yet valid: refused.",
    ),
    Requirement(
        "S-AUTH-10",
        "of another `iss` or `aud` where those are configured: refused.",
        needs=("iss_aud",),
    ),
    Requirement(
        "S-SUB-1",
        "messages reach those subscribed",
    ),
    Requirement(
        "S-SUB-2",
        "not those who are not (unless `message_scope` = workspace)",
        needs=("message_scope",),
    ),
    Requirement(
        "S-SUB-3",
        "unsubscribe ends it",
        needs=("message_scope",),
    ),
    Requirement(
        "S-SUB-4",
        "a subscription is idempotent: one copy.",
    ),
    Requirement(
        "S-ISO-1",
        "no event of a workspace reaches another workspace's socket, whatever that "
        "socket subscribes to",
    ),
    Requirement(
        "S-ISO-2",
        "nor its HTTP answers.",
    ),
    Requirement(
        "S-MSG-1",
        "an inbound webhook becomes one `message` of the right shape",
    ),
    Requirement(
        "S-MSG-2",
        "a `conversation` event to the workspace.",
    ),
    Requirement(
        "S-MSG-3",
        "per conversation, in the order in which they entered.",
    ),
    Requirement(
        "S-MSG-4",
        "a repeated webhook changes nothing.",
    ),
    Requirement(
        "S-MSG-5",
        "each media kind is mapped.",
    ),
    Requirement(
        "S-STA-1",
        "`messages.update` becomes `messageStatus`",
    ),
    Requirement(
        "S-STA-2",
        "never backwards (the order of C-STA-1)",
    ),
    Requirement(
        "S-STA-3",
        "early statuses are kept and applied.",
    ),
    Requirement(
        "S-SND-1",
        "`sendMessage` and `POST` reach the provider once; the sender's copy carries "
        "its `clientMessageId`",
    ),
    Requirement(
        "S-SND-2",
        "a failing provider ends as `failed` and an `error`.",
    ),
    Requirement(
        "S-SND-3",
        "the provider's echo makes no second message.",
    ),
    Requirement(
        "S-SND-4",
        "`messageSent` and `markedAsRead` go to the sender alone.",
    ),
    Requirement(
        "S-SND-5",
        "a repeated client id is sent once.",
    ),
    Requirement(
        "S-CON-1",
        "`connection.update` becomes `connectionUpdate` to the workspace, and to no other.",
    ),
    Requirement(
        "S-TYP-1",
        "typing reaches the others and not its sender",
        needs=("typing",),
    ),
    Requirement(
        "S-TYP-2",
        "not other conversations.",
        needs=("typing",),
    ),
    Requirement(
        "S-REC-1",
        "a reconnected socket starts clean and can subscribe again",
    ),
    Requirement(
        "S-REC-2",
        "history since a moment is served, so that a gap can be closed.",
    ),
    Requirement(
        "S-ERR-1",
        "malformed events, wrong types, oversize payloads, unknown events: an `error` "
        "or silence, never a crash and never another client's trouble.",
    ),
    Requirement(
        "S-PRO-1",
        "handshake fields",
    ),
    Requirement(
        "S-PRO-2",
        "heartbeat both ways",
    ),
    Requirement(
        "S-PRO-3",
        "polling transport and upgrade, messages in order across it",
        needs=("polling",),
    ),
    Requirement(
        "S-PRO-4",
        "invalid packets close the session as the protocols say",
    ),
    Requirement(
        "S-PRO-5",
        "acks.",
    ),
    Requirement(
        "S-HTTP-1",
        "the calls of section 4",
    ),
    Requirement(
        "S-HTTP-2",
        "their errors",
    ),
    Requirement(
        "S-WHK-1",
        "the errors of section 5",
    ),
    Requirement(
        "S-WHK-2",
        "`GET` on the webhook is 200.",
    ),
)
