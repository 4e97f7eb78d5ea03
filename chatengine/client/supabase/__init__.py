"""Supabase, the fallback: rows as they change over Realtime, and reads through PostgREST.

- `phoenix`: the frames of Phoenix channels
- `channel`, `pushes`, `subscriptions`: the protocol without I/O
- `news`, `refusals`: what is told of it, and in which words
- `realtime`: the connection, kept for as long as a topic is watched
- `topics`: the CRM's channels and filters
- `rest`: PostgREST

Why not the official client. Read in `realtime` 2.34.1 (what `supabase` for Python is built on),
with the lines that decided it:

- It gives up. `_async/client.py` 199-230 tries five times and raises; after a loss that happens in
  its own listening task (120, 131), so nobody is told, and all channels stay as they are. C-CONN-3
  and C-FBK-4 need one that never does.
- It goes deaf without a word. Callbacks run inside the listening loop (118) unguarded: one that
  raises ends the loop, while the socket and its heartbeats go on. Heartbeats have no `ref`, and
  their answers belong to no channel (327, 117): a half-open connection is never noticed.
- It says SUBSCRIBED on the reply (`_async/channel.py` 304-344), before the database subscription
  is there. `on_system` tells of it, but a second `system` ok, which means a gap, looks the same.
- A mismatch (330-338) is left and not tried again; after an expired token `phx_close` removes the
  channel (171-176). Tokens are strings, set by hand; there is nobody to ask for a fresh one.
- vsn 1.0.0 (`types.py`): no `join_ref`, so the close of an earlier join, which comes after the
  answer to the next one, closes the channel that has just been joined.
- Strict models (`message.py`): a frame with an unexpected null is written to the log, message
  text and all, and can be neither counted (C-MSG-7) nor answered by a fetch.

What would remain after handling all that from outside is the JSON of nine events. So the client
is our own, on aiohttp, which the project has already; pydantic, httpx and websockets stay out.
The official clients are tested against the fake Supabase instead.
"""

from chatengine.client.supabase.news import RealtimeListener
from chatengine.client.supabase.phoenix import Binding
from chatengine.client.supabase.realtime import RealtimeSource
from chatengine.client.supabase.rest import SupabaseRest
from chatengine.client.supabase.topics import conversation_topic, list_topic

__all__ = [
    "Binding",
    "RealtimeListener",
    "RealtimeSource",
    "SupabaseRest",
    "conversation_topic",
    "list_topic",
]
