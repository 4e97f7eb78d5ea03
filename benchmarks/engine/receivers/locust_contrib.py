"""Locust's own SocketIOUser, which counts what it receives in Locust's statistics."""

from locust import constant, task
from locust.contrib.socketio import SocketIOUser
from locust.env import Environment

from benchmarks.engine.receivers.locust_process import ROOM, URL, Crowd, run
from chatengine import events

_crowd = Crowd()


class Subscriber(SocketIOUser):
    """A user that subscribes and listens; its base class fires a request for each event."""

    options = {"handle_sigint": False}  # noqa: RUF012  # as the base class has it
    wait_time = constant(3600)

    def on_start(self) -> None:
        """Connect and open the conversation."""
        _crowd.admit(self._connect)

    @task
    def read(self) -> None:
        """Nothing to do: what arrives comes on the client's own greenlet."""

    def _connect(self) -> None:
        self.sio.connect(URL, transports=["websocket"], socketio_path=events.SOCKET_PATH)
        # The base class swallows errors of connect; call would then raise.
        self.sio.call(events.SUBSCRIBE, ROOM)


def _count(environment: Environment) -> int:
    return int(environment.stats.get(events.MESSAGE, "WSR").num_requests)


if __name__ == "__main__":
    run(Subscriber, _crowd, [], count=_count)
