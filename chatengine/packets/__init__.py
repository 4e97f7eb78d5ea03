"""The wire of Socket.IO without any I/O: data in, packets out, and back.

- `engineio`: Engine.IO protocol 4 packets and the payloads of its polling transport
- `socketio`: Socket.IO protocol 5 packets, binary attachments included
- `websocket`: RFC 6455 frames, both to build and to read

Whatever is wrong with what a peer sent, the error is `PacketError` and no other.
"""

from chatengine.packets.errors import PacketError

__all__ = ["PacketError"]
