"""The fake ChatEngine's Socket.IO server: python-socketio above, our own Engine.IO beneath.

Everything the application needs:

    settings = RealtimeSettings(ping_interval_ms=25_000, ping_timeout_ms=20_000)
    server = create_realtime(app, settings)         # adds the routes to an aiohttp Application

    @server.on("connect")                           # before the connection is accepted
    async def connect(sid, environ, auth): ...      # auth: dict or None
        raise ConnectionRefusedError("no token", {"code": "unauthorized"})  # -> CONNECT_ERROR

    @server.on("disconnect")
    async def disconnect(sid, reason): ...          # server.rooms(sid) and get_session still work

    @server.on("subscribe:conversation")
    async def subscribe(sid, *args): ...            # what is returned is the acknowledgement
        await server.enter_room(sid, room)          # leave_room, close_room, rooms likewise

    await server.emit("message", data, room=room, skip_sid=None)   # room: a room or a sid

`ConnectionRefusedError` is `socketio.exceptions.ConnectionRefusedError`; its arguments become
`{"message": ..., "data": ...}`. `environ` holds REQUEST_METHOD, PATH_INFO, QUERY_STRING,
REMOTE_ADDR and HTTP_* as in CGI. `emit` writes before it returns and never waits for a slow
client; a tuple as `data` becomes several arguments; msgspec structs are encoded as they are.
What a connect handler emits follows the CONNECT packet, as with Node. Handlers run in tasks of
their own, in the order of arrival; an exception in one is logged, answers no acknowledgement, and
disturbs nobody; in a connect handler it refuses the connection.

For a test's control of connections (a connection is one Engine.IO session, by its `id`):

    server.connections() -> list[Connection]        # id, transport, remote, sids, ...
    server.connection_of(sid, namespace="/") -> Connection
    server.cut(id)                                  # abort the TCP transport, no close frame
    server.close(id)                                # Engine.IO close
    await server.disconnect(sid)                    # Socket.IO DISCONNECT by the server

The last three raise KeyError for an unknown id (`disconnect` ignores it, as python-socketio does).
The server closes its connections when the application shuts down.
"""

from fakes.chatengine.realtime.server import Connection, RealtimeServer, create_realtime
from fakes.chatengine.realtime.settings import RealtimeSettings

__all__ = ["Connection", "RealtimeServer", "RealtimeSettings", "create_realtime"]
