"""Between the client and whoever shows it: pictures, the journal, and that something changed."""

import asyncio
import time

from chatengine.client import Alert, ClientConfig, CrmClient, Source
from harness.watch.journal import Entry, Journal
from harness.watch.picture import Latency, Picture

__all__ = ["Watcher"]


class Watcher:
    """Looks at a client and tells it what the user does; `changed` is set when there is news."""

    def __init__(self, client: CrmClient, config: ClientConfig) -> None:
        self._client = client
        self._config = config
        self._journal = Journal(self.now_ms())
        self.changed = asyncio.Event()
        self.was_served = False
        client.on_change(lambda _: self._observe())
        client.on_alert(self._alerted)
        self._observe()

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(time.time() * 1000)

    # what there is to see

    def look(self, opened: str | None) -> Picture:
        """What the user sees who has a conversation open, or none; all news is in it."""
        self.changed.clear()
        client = self._client
        return Picture(
            now_ms=self.now_ms(),
            workspace_id=self._config.workspace_id,
            user_id=self._config.user_id,
            connection=client.connection,
            since_ms=self._journal.since_ms,
            latency=Latency(client.monitor.latency_ms(0.5), client.monitor.latency_ms(0.99)),
            counters=client.counters,
            conversations=client.conversations(),
            messages=() if opened is None else client.messages(opened),
            typing=() if opened is None else client.typists(opened),
            journal=self._journal.entries,
        )

    def exposition(self) -> bytes:
        """The client's metrics in Prometheus' text format."""
        return self._client.monitor.exposition()

    def note(self, text: str) -> None:
        """Have the journal say what only its teller knows."""
        self._journal.note(Entry(at_ms=self.now_ms(), kind="note", text=text))
        self.changed.set()

    def _observe(self) -> None:
        connection = self._client.connection
        self.was_served |= connection.source is not Source.NONE
        self._journal.observe(self.now_ms(), connection, self._client.monitor.reconnects)
        self.changed.set()

    def _alerted(self, alert: Alert) -> None:
        self._journal.alerted(self.now_ms(), alert)
        self.changed.set()

    # what the user does

    def open(self, conversation_id: str) -> None:
        """Open a conversation."""
        self._client.open(conversation_id)

    def close(self, conversation_id: str) -> None:
        """Leave it."""
        self._client.close(conversation_id)

    def send(self, conversation_id: str, text: str) -> None:
        """Send a text."""
        self._client.send(conversation_id, text)

    def typing(self, conversation_id: str, is_typing: bool) -> None:
        """Tell the others that the user writes, or has stopped."""
        self._client.typing(conversation_id, is_typing)
