"""What the CRM client knows and decides, without any I/O; `now_ms` is always an argument.

- `shapes`: the CRM's own shapes (contract, section 7)
- `reading`, `mapping`, `notices`: what strangers send, into those shapes or refused
- `messages`, `entries`: which copies are one message, what it shows, and its status
- `timeline`: one conversation's messages in order
- `conversations`, `typing`, `sends`: the list, who types, what was sent and not yet confirmed
- `attention`, `bounds`: which conversations are open or kept, and how much of everything
- `state`: all of it behind one object, the only thing the shells talk to
- `fallback`: which source serves, as a table
- `backoff`: how long to wait before another attempt
"""
