"""What a CRM client owes its user: section 7 of `docs/contract.md`, word for word.

A clause is what the contract says behind the id, as far as the next id; its mark `(SHOULD)` is the
level. The words are held to the contract by a test. Capabilities are the adapter protocol's.
"""

from typing import Final

from conformance.requirements.clauses import Requirement

__all__ = ["CLIENT"]

CLIENT: Final = (
    Requirement(
        "C-CONN-1",
        "connects by itself as soon as ChatEngine is configured and a token is there; "
        "no configuration, no attempt.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-2",
        "`isEnabled` (configured) and `isConnected` are told apart and true within 1 s "
        "of a change.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-3",
        "a lost connection comes back by itself, with backoff and jitter, for as long "
        "as it is configured: it never gives up. Connected again within 5 s of the "
        "server's return.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-4",
        "a disconnect *by the server* is a lost connection too (socket.io-client does "
        "not reconnect after one by itself).",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-5",
        "every attempt carries a token valid at that moment.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-6",
        "a refused token is not hammered: at most one CONNECT a second, and the state says why.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-7",
        "after stop: no socket, no timer, no traffic.",
        needs=("websocket",),
    ),
    Requirement(
        "C-CONN-8",
        "a half-open connection (the peer gone, no FIN) is noticed within pingInterval "
        "+ pingTimeout.",
        needs=("websocket",),
    ),
    Requirement(
        "C-SUB-1",
        "opening a conversation subscribes",
        needs=("websocket",),
    ),
    Requirement(
        "C-SUB-2",
        "opening one before the connection is up subscribes once it is.",
        needs=("websocket",),
    ),
    Requirement(
        "C-SUB-3",
        "after a reconnect every open conversation is subscribed again, once each.",
        needs=("websocket",),
    ),
    Requirement(
        "C-SUB-4",
        "a closed conversation is unsubscribed, and not subscribed again.",
        needs=("websocket",),
    ),
    Requirement(
        "C-SUB-5",
        "opened twice: one subscription, until the last close.",
        needs=("websocket",),
    ),
    Requirement(
        "C-MSG-1",
        "a pushed message shows in its conversation",
    ),
    Requirement(
        "C-MSG-2",
        "in no other, and in no other workspace.",
    ),
    Requirement(
        "C-MSG-3",
        "one message per `id`",
    ),
    Requirement(
        "C-MSG-4",
        "one per provider id, whichever way it came (socket, Realtime, REST, own send).",
    ),
    Requirement(
        "C-MSG-5",
        "ordered by `createdAt`, ties by id, whatever the order of arrival.",
    ),
    Requirement(
        "C-MSG-6",
        "mapped as above.",
    ),
    Requirement(
        "C-MSG-7",
        "a malformed payload (no id, conversation or createdAt, wrong types, an unknown "
        "`type`) is dropped and counted; what follows is still handled.",
    ),
    Requirement(
        "C-STA-1",
        "`sending < sent < failed < delivered < read`: a status only moves up, so the "
        "end state does not depend on order or repetition.",
    ),
    Requirement(
        "C-STA-2",
        "a status that comes before its message is kept and applied.",
        needs=("websocket",),  # a row has its status with it
    ),
    Requirement(
        "C-STA-3",
        "found by id or by provider id.",
    ),
    Requirement(
        "C-STA-4",
        "an unknown value changes nothing, also as the status of a new message, which is kept.",
    ),
    Requirement(
        "C-CNV-1",
        "an event adds or updates one entry",
    ),
    Requirement(
        "C-CNV-2",
        "preview = the first 50 characters (code points) of the last message "
        "(`[image]`, ... where it has no text), `lastMessageAt` with it.",
    ),
    Requirement(
        "C-CNV-3",
        "sorted by `lastMessageAt`, newest first",
    ),
    Requirement(
        "C-CNV-4",
        "an older event never moves an entry back",
    ),
    Requirement(
        "C-CNV-5",
        "other workspaces and, where one is chosen, other WhatsApp numbers are left out "
        "(a conversation that names no number is kept).",
    ),
    Requirement(
        "C-SND-1",
        "an own message shows at once as `sending`",
        needs=("send",),
    ),
    Requirement(
        "C-SND-2",
        "the server's copy replaces it: one message, not two.",
        needs=("send",),
    ),
    Requirement(
        "C-SND-3",
        "with no socket it goes out over HTTP.",
        needs=("send",),
    ),
    Requirement(
        "C-SND-4",
        "what could not be sent ends as `failed` within 10 s, never vanishes.",
        needs=("send",),
    ),
    Requirement(
        "C-TYP-1",
        "`emitTyping` reaches the other subscribers",
        needs=("websocket",),
    ),
    Requirement(
        "C-TYP-2",
        "another's typing shows, and ends by itself after 5 s of silence.",
        level="SHOULD",
        needs=("typing",),
    ),
    Requirement(
        "C-FBK-1",
        "no ChatEngine configured: Supabase Realtime serves.",
        needs=("supabase",),
    ),
    Requirement(
        "C-FBK-2",
        "configured but not connected: Supabase serves, within 2 s.",
        needs=("supabase",),
    ),
    Requirement(
        "C-FBK-3",
        "the socket is back: it serves again, and the Supabase channels are released within 5 s.",
        needs=("websocket", "supabase"),
    ),
    Requirement(
        "C-FBK-4",
        "nothing is lost across a switch, either way: messages and statuses of the gap "
        "are fetched, with overlap (a message may be written before the gap and stored "
        "in it).",
        needs=("websocket", "supabase"),
    ),
    Requirement(
        "C-FBK-5",
        "nothing shows twice.",
        needs=("websocket", "supabase"),
    ),
    Requirement(
        "C-FBK-6",
        "no status goes back.",
        needs=("websocket", "supabase"),
    ),
    Requirement(
        "C-FBK-7",
        "Supabase gone too: incremental polling.",
        level="SHOULD",
        needs=("polling",),
    ),
    Requirement(
        "C-FBK-8",
        "flapping leaks no channel, socket or timer.",
        needs=("websocket", "supabase"),
    ),
    Requirement(
        "C-MON-1",
        "delivery latency is measured",
        level="SHOULD",
        needs=("metrics",),
    ),
    Requirement(
        "C-MON-2",
        "every reconnect is logged with cause and length",
        level="SHOULD",
        needs=("metrics",),
    ),
    Requirement(
        "C-MON-3",
        "a disconnection longer than a set time raises an alert",
        level="SHOULD",
        needs=("metrics",),
    ),
    Requirement(
        "C-CAC-1",
        "a reopened conversation shows from the cache at once.",
        level="SHOULD",
        needs=("cache",),
    ),
)
