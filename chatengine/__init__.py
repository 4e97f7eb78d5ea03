"""The ChatEngine realtime contract as types and pure functions; nothing here does I/O.

- `events`: the names on the Socket.IO wire
- `payloads`: what those events and the HTTP calls carry
- `status`: the order of message statuses, as a join
- `tokens`: minting and verifying the JWT both sides share
- `moments`: ISO 8601 in UTC with milliseconds
- `webhooks`: the bodies of the WhatsApp provider, read and built
- `packets`: the Engine.IO 4 and Socket.IO 5 packet codec
"""
