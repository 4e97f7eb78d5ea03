"""Locust users of a ChatEngine: an abstract one to build on, and two that are ready to use.

A user of one's own takes ten lines:

    from locust import between, task
    from locustfiles.users import ChatEngineUser

    class Reader(ChatEngineUser):
        wait_time = between(1, 5)

        def on_start(self):
            self.connect()
            for conversation_id in self.conversation_ids:
                self.subscribe(conversation_id)

        @task
        def answer(self):
            message = self.wait_for("message", timeout=60)
            self.send_message(message["conversationId"], "Olá!")

Every call blocks its greenlet and no other. The socket itself lives on the engine's thread; what
arrives reaches the user only when it asks (`wait_for`, `on`), for events one by one cost.
"""

import itertools
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final

import gevent
from gevent.event import Event
from locust import User, between, constant, task

from chatengine import events
from chatengine.moments import from_ms
from locustfiles.engine.errors import ConnectionLost, EngineClosed, EngineError
from locustfiles.engine.sockets import Socket
from locustfiles.lifecycle import load_of

__all__ = ["AgentUser", "ChatEngineUser", "SubscriberUser"]

_INBOX: Final = 1000  # events kept for a `wait_for` to come; the oldest go first
_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 10.0
_user_numbers = itertools.count(1)


class ChatEngineUser(User):
    """An agent with one socket. Subclass it, or use `SubscriberUser` and `AgentUser`.

    `receives_events` keeps what arrives for `wait_for` and `on`; a user that only has to be
    counted leaves it off and costs nothing for each event.
    """

    abstract = True
    receives_events: ClassVar[bool] = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._load = load_of(environment)
        self.workspace_id, self.conversation_ids = "", list[str]()
        if self._load.run is None:
            self.on_start = self._stay_out  # type: ignore[method-assign]
        else:
            self.workspace_id, self.conversation_ids = self._load.next_subscriber()
        self.user_id = f"agent-{next(_user_numbers)}"
        self._socket: Socket | None = None
        self._inbox: deque[tuple[str, Any]] = deque(maxlen=_INBOX)
        self._arrived = Event()
        self._listeners: list[tuple[str, Callable[[Any], None]]] = []

    def connect(self) -> float:
        """Connect; seconds it took. Raises `ConnectFailed` or `ConnectRefused`.

        A connection that is lost later comes back by itself and is subscribed again.
        """
        return self._load.engine.run(self.socket.connect) / 1e6

    def subscribe(self, conversation_id: str) -> float:
        """Open a conversation; seconds until its ack. Raises `SubscribeFailed`."""
        return self._load.engine.run(lambda: self.socket.subscribe(conversation_id)) / 1e6

    def unsubscribe(self, conversation_id: str) -> None:
        """Leave a conversation."""
        self._load.engine.run(lambda: self.socket.unsubscribe(conversation_id))

    def send_message(self, conversation_id: str, content: str) -> str:
        """Send a text as the agent; the client's own id of it, which `messageSent` repeats."""
        client_id = uuid.uuid4().hex
        payload = {
            "type": events.SEND_MESSAGE,
            "conversationId": conversation_id,
            "content": content,
            "messageId": client_id,
            "timestamp": from_ms(int(time.time() * 1000)),
        }
        self._emit(events.SEND_MESSAGE, payload)
        return client_id

    def mark_as_read(self, conversation_id: str) -> None:
        """Mark a conversation as read."""
        timestamp = from_ms(int(time.time() * 1000))
        payload = {"conversationId": conversation_id, "timestamp": timestamp}
        self._emit(events.MARK_AS_READ, {"type": events.MARK_AS_READ, **payload})

    def typing(self, conversation_id: str, is_typing: bool = True) -> None:
        """Show the others that the agent types, or no longer does."""
        self._emit(events.TYPING, {"conversationId": conversation_id, "isTyping": is_typing})

    def wait_for(
        self, event: str, match: Callable[[Any], bool] | None = None, timeout: float = 10.0
    ) -> Any:
        """The payload of the next `event` that `match` accepts, one that came before included.

        Raises `TimeoutError` after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._arrived.clear()
            for item in self._inbox:
                if item[0] == event and (match is None or match(item[1])):
                    self._inbox.remove(item)
                    return item[1]
            if not self._arrived.wait(max(0, deadline - time.monotonic())):
                raise TimeoutError(f"no {event} within {timeout:g} s")

    def on(self, event: str, listener: Callable[[Any], None]) -> None:
        """Have `listener` called, in a greenlet of its own, with each payload of `event`."""
        self._listeners.append((event, listener))

    def on_stop(self) -> None:
        """Close the socket; nothing of the user is left."""
        if self._socket is not None:
            with suppress(EngineClosed):  # then it is closed already
                self._load.engine.run(self._socket.close)

    @property
    def socket(self) -> Socket:
        """The engine's socket of this user, made when it is first needed."""
        if self._socket is None:
            self._socket = self._load.socket(self.workspace_id, self.user_id)
            if self.receives_events:
                self._socket.listener = self._on_event
        return self._socket

    def _stay_out(self) -> None:
        """Instead of `on_start` in a worker that joined too late: do nothing until stopped."""
        Event().wait()

    def _emit(self, event: str, payload: Any) -> None:
        self._load.engine.call(lambda: self.socket.emit(event, payload))

    def _on_event(self, event: str, payload: Any) -> None:
        """On the engine's thread: hand it over."""
        self._load.engine.call_gevent(lambda: self._take(event, payload))

    def _take(self, event: str, payload: Any) -> None:
        self._inbox.append((event, payload))
        self._arrived.set()
        for name, listener in self._listeners:
            if name == event:
                gevent.spawn(listener, payload)

    def _connect_and_subscribe(self) -> None:
        """Try until it succeeds, as the CRM does; each failure is counted by the engine."""
        delay = _FIRST_DELAY_S
        while True:
            try:
                if not self.socket.is_connected:
                    self.connect()
                for conversation_id in self.conversation_ids:
                    self.subscribe(conversation_id)
            except EngineClosed:
                raise gevent.GreenletExit from None
            except EngineError as error:
                self._load.count_error(str(error))
                gevent.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY_S)
            else:
                return


class SubscriberUser(ChatEngineUser):
    """An agent who has conversations open and reads: what arrives is measured, nothing is sent."""

    abstract = True
    receives_events = False
    wait_time = constant(3600)

    def on_start(self) -> None:
        """Connect and open the conversations."""
        self._connect_and_subscribe()

    @task
    def read(self) -> None:
        """Nothing to do: the engine receives and accounts."""


class AgentUser(ChatEngineUser):
    """An agent who works: types, sends, follows each message until WhatsApp says it was read."""

    abstract = True
    wait_time = between(5, 15)
    patience_s: ClassVar[float] = 30.0

    def on_start(self) -> None:
        """Connect and open the conversations."""
        self._connect_and_subscribe()

    @task
    def answer(self) -> None:
        """Answer in one of the open conversations; without a connection, another time."""
        try:
            self._answer(self.random_conversation())
        except ConnectionLost as error:  # it comes back by itself
            self._load.count_error(str(error))

    def _answer(self, conversation_id: str) -> None:
        self.typing(conversation_id)
        began = time.monotonic()
        client_id = self.send_message(conversation_id, "Olá! Já estou verificando para você.")
        sent = self._timed(
            "sendMessage to messageSent",
            began,
            events.MESSAGE_SENT,
            lambda payload: payload.get("clientMessageId") == client_id,
        )
        if sent is not None:
            for status in ("delivered", "read"):
                is_it = partial(_is_status_of, sent["messageId"], status)
                self._timed(f"sendMessage to {status}", began, events.MESSAGE_STATUS, is_it)
        self.typing(conversation_id, False)
        self.mark_as_read(conversation_id)

    def random_conversation(self) -> str:
        """One of the open conversations."""
        return self.conversation_ids[int(time.monotonic() * 1e6) % len(self.conversation_ids)]

    def _timed(
        self, name: str, began: float, event: str, match: Callable[[Any], bool]
    ) -> Any | None:
        """Wait for an event and report to Locust how long it took since `began`, or that it did not
        come.
        """
        payload, error = None, None
        try:
            payload = self.wait_for(event, match, self.patience_s)
        except TimeoutError as timeout:
            error = timeout
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=None if error else (time.monotonic() - began) * 1000,
            response_length=0,
            exception=error,
            context={},
        )
        return payload


def _is_status_of(message_id: str, status: str, payload: Any) -> bool:
    """Whether a `messageStatus` says `status` of a message, by its id or its provider id."""
    named = payload.get("messageId")
    ours = named in (message_id, message_id.removeprefix("evo-"))
    return ours and payload.get("status") == status
