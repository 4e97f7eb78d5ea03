"""What the CRM client knows and decides, without any I/O; `now_ms` is always an argument.

- `shapes`: the CRM's own shapes (contract, section 7)
- `mapping`: socket payloads and Supabase rows into those shapes
- `timeline`, `messages`: a conversation's messages in order; which copies are one, and its status
- `conversations`, `typing`, `sends`: the list, who types, what was sent and not yet confirmed
- `state`: all of it behind one object, the only thing the shells talk to
- `fallback`: which source serves, as a table
- `backoff`: how long to wait before another attempt
"""
