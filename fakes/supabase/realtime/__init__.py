"""Realtime: database changes over Phoenix channels, in both versions of the protocol.

From the wire inwards:

- `server`: the handshake; `socket`: one client's connection; `frames`: what is on the wire
- `joins`: how a channel is joined; `channel`: what happens in it; `words`: refused tokens
- `bindings`: what a channel asks for; `subscriptions`: what becomes of it
- `feed`: from the database's changes to the channels; `payloads`: what a change looks like
- `hub`: what all sockets share; `rates`: the limits of a second
"""

from fakes.supabase.realtime.feed import Feed
from fakes.supabase.realtime.hub import Hub
from fakes.supabase.realtime.server import add_realtime

__all__ = ["Feed", "Hub", "add_realtime"]
