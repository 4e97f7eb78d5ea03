"""The harness's hands: sockets, calls, and the provider, as a server under test meets them.

- `raw`: a client of Engine.IO byte for byte, on WebSocket and polling; `wire`: its Socket.IO
- `agent`: an ordinary Socket.IO client, and all that it receives
- `http`: calls, and their answers
- `webhook`: what WhatsApp tells; `provider`: what WhatsApp is told
- `tokens`: good tokens and bad ones
- `trace`: what all of them did and saw, to show it where a clause is broken
"""
