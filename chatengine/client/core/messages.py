"""Which copies are one message, what it shows, and its status, whatever the order of arrival.

A message has names: its id, the provider's id, and, until a provider id is known, the sender's own
(client) id within its conversation. Copies that share a name are one message (C-MSG-3, C-MSG-4);
what stood apart is united when a copy, or `messageSent`, tells that it is one.

A copy that has a provider id only *claims* its client id: the same client id sent twice became
two messages, and claims never unite. What goes by the client id itself, the user's own send, is not
shown beside a message that claims it (C-SND-2), and what befell it holds for those that claim it.

A status is the greatest that was seen under any name of a message (C-STA-1, C-STA-3). One that
comes first waits under its name as an entry without a copy (C-STA-2).

Nothing here depends on the order of arrival: names only unite, copies of one origin are compared in
a total order, statuses are joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from chatengine.client.core.bounds import Bounds
from chatengine.client.core.entries import ClientName, Entry, Name, merged, stays
from chatengine.client.core.mapping import provider_name
from chatengine.client.core.reading import Malformed
from chatengine.client.core.shapes import Message
from chatengine.client.core.timeline import Timeline
from chatengine.status import Status

__all__ = ["Messages"]

_MOST_NAMES: Final = 16
"""A message has three or four. Names without end would be memory without end."""

_FAILED: Final = Status.FAILED
_SENT: Final = Status.SENT


class Messages:
    """The messages of the conversations that are tracked; those of others are not kept.

    `changed` collects the conversations whose messages show otherwise than before, `revision`
    counts how often one did, `early_dropped` the statuses given up waiting for their message.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._names: dict[Name, Entry] = {}
        self._claimers: dict[ClientName, dict[Entry, None]] = {}
        self._early: dict[Entry, None] = {}
        self.timelines: dict[str, Timeline[Entry]] = {}
        self.changed: set[str] = set()
        self.revision = 0
        self.early_dropped = 0

    def track(self, conversation_id: str) -> None:
        """Keep a conversation's messages from now on."""
        if conversation_id not in self.timelines:
            self.timelines[conversation_id] = Timeline()

    def forget(self, conversation_id: str) -> None:
        """Give a conversation's messages up."""
        timeline = self.timelines[conversation_id]
        while len(timeline):
            self._forget(timeline.oldest)
        del self.timelines[conversation_id]

    def add(self, copy: Message) -> bool:
        """Take a copy in, where its conversation is tracked; `Malformed` past 16 names.

        Returns False where it is known that there was nothing new in it.
        """
        timeline = self.timelines.get(copy.conversation_id)
        if timeline is None:
            return True
        entry, grown = self._identify(copy)
        if self._early:
            self._early.pop(entry, None)
        if not entry.take(copy) and not grown:
            return False
        self._refresh(entry)
        while timeline.weight > self._bounds.messages:
            self._forget(timeline.oldest)
        return True

    def raise_status(self, name: str, status: Status) -> bool:
        """Take in a status under an id or provider id, now or when its message comes.

        Returns whether it was above what is known.
        """
        name = provider_name(name)
        entry = self._names.get(name)
        if entry is None:
            entry = self._wait(name)
        if status <= entry.status:
            return False
        entry.status = status
        self._refresh(entry)
        return True

    def _wait(self, name: Name) -> Entry:
        """Keep what is told under a name for the message to come; only so many can wait."""
        entry = self._names[name] = Entry((name,))
        self._early[entry] = None
        if len(self._early) > self._bounds.early_statuses:
            self._forget(next(iter(self._early)))
            self.early_dropped += 1
        return entry

    def send_status(self, conversation_id: str, client_id: str) -> Status | None:
        """The status of an own send, or of what claims to have been it; None for an unknown one."""
        own = (conversation_id, client_id)
        entries = [*self._claimers.get(own, ())]
        if own in self._names:
            entries.append(self._names[own])
        return max((entry.status for entry in entries), default=None)

    def hand_over(self, conversation_id: str, client_id: str, message_id: str) -> bool:
        """The send `client_id` was handed to the provider as `message_id`: it is sent.

        Returns whether it was news; `Malformed` if it became more messages than can be.
        """
        own, name = (conversation_id, client_id), provider_name(message_id)
        risen = self.raise_status(name, _SENT)
        if own not in self._names:
            return risen
        if name == message_id:
            entry, grown = self._entry((own, name))
        elif len(self._claimers.get(own, ())) < _MOST_NAMES:
            entry, grown = self._names[name], self._claim(self._names[name], own)
        else:
            raise Malformed(f"a send handed over as more than {_MOST_NAMES} messages")
        if grown:
            self._early.pop(entry, None)
            self._refresh(entry)
        return grown or risen

    def fail(self, conversation_id: str, client_id: str, reason: tuple[int, str]) -> None:
        """An own send failed; `reason` as in an entry. One that is not known changes nothing."""
        entry = self._names.get((conversation_id, client_id))
        if entry is not None:
            entry.reason = max(entry.reason or reason, reason)
            entry.status = max(entry.status, _FAILED)
            self._refresh(entry)

    def _identify(self, copy: Message) -> tuple[Entry, bool]:
        """The one entry that a copy belongs to, and whether an entry has grown into it."""
        name, client = provider_name(copy.id), copy.client_id
        provider = copy.external_id or name
        if client is None:
            entry = self._names.get(name)
            if entry is None and provider == name:
                entry = self._names[name] = Entry((name,))
            if entry is not None and entry is self._names.get(provider):
                return entry, False  # as it is with almost every copy
            return self._entry((name, provider))
        own = (copy.conversation_id, client)
        if copy.external_id is None:
            return self._entry((name, own))
        entry, grown = self._entry((name,) if provider == name else (name, provider))
        return entry, self._claim(entry, own) or grown

    def _entry(self, names: tuple[Name, ...]) -> tuple[Entry, bool]:
        """The one entry under all of the names, and whether an entry has grown into it."""
        known = dict.fromkeys(filter(None, map(self._names.get, names)))
        new = tuple([name for name in names if name not in self._names])
        entry, *others = known or (Entry(()),)
        if not new and not others:
            return entry, False
        if sum([len(each.names) for each in known], len(new)) > _MOST_NAMES:
            raise Malformed(f"a message of more than {_MOST_NAMES} names")
        for other in others:
            self._unite(entry, other)
        for name in new:
            self._names[name] = entry
        entry.go_by(new)
        return entry, bool(known)

    def _unite(self, entry: Entry, other: Entry) -> None:
        """Make one of two that were found to be the same message."""
        self._show(other, None)
        for name in other.names:
            self._names[name] = entry
        for client in other.claims:
            del self._claimers[client][other]
            self._claimers[client][entry] = None
        entry.go_by(other.names)
        entry.claims = tuple(dict.fromkeys(entry.claims + other.claims))
        for copy in other.copies:
            entry.take(copy)
        entry.status = max(entry.status, other.status)
        if other.reason is not None:
            entry.reason = max(entry.reason or other.reason, other.reason)
        self._early.pop(other, None)
        if other.copies or other.claims:
            self._early.pop(entry, None)

    def _claim(self, entry: Entry, client: ClientName) -> bool:
        """Let an entry claim a client id; returns whether it is a new claim."""
        if client in entry.claims:
            return False
        if len(entry.claims) == _MOST_NAMES:
            raise Malformed(f"a message of more than {_MOST_NAMES} sends")
        self._claimers.setdefault(client, {})[entry] = None
        entry.claims += (client,)
        return True

    def _refresh(self, entry: Entry) -> None:
        """Show an entry as it is now, and those to whom it matters."""
        self._show(entry, self._render(entry))
        if entry.claims or entry.clients:
            for client in entry.claims:
                if client in self._names:
                    own = self._names[client]
                    self._show(own, self._render(own))
            for client in entry.clients:
                for claimer in self._claimers.get(client, ()):
                    self._show(claimer, self._render(claimer))

    def _render(self, entry: Entry) -> Message | None:
        """What the user sees of an entry, None for nothing."""
        copies, status, reason = entry.copies, entry.status, entry.reason
        if not copies:
            return None
        best = copies[0]
        if best.conversation_id not in self.timelines:
            return None
        if entry.claims or entry.clients:
            if self._is_claimed(entry):
                return None
            for relative in self._relatives(entry):
                status = max(status, relative.status)
                reason = max(filter(None, (reason, relative.reason)), default=None)
        elif len(copies) == 1 and best.error_message is None and reason is None:
            return best if best.status is status else replace(best, status=status)
        return merged(entry, status, reason)

    def _is_claimed(self, entry: Entry) -> bool:
        """Whether a send is known as the message, or messages, that it became."""
        return not entry.has_provider and any(
            claimer.copies and claimer is not entry
            for client in entry.clients
            for claimer in self._claimers.get(client, ())
        )

    def _relatives(self, entry: Entry) -> Iterator[Entry]:
        """Whose status holds for an entry: its send's, and what a send became but is not seen."""
        for client in entry.claims:
            if client in self._names:
                yield self._names[client]
        if not entry.has_provider:
            for client in entry.clients:
                yield from (each for each in self._claimers.get(client, ()) if not each.copies)

    def _show(self, entry: Entry, new: Message | None) -> None:
        """Let an entry's timeline show `new` from now on."""
        old = entry.shown
        if new is old or new == old:
            return
        entry.shown = new
        self.revision += 1
        if old is not None:
            self.changed.add(old.conversation_id)
            if new is not None and stays(old, new):
                self.timelines[old.conversation_id].stale()
                return
            self.timelines[old.conversation_id].remove(old)
        if new is not None:
            self.changed.add(new.conversation_id)
            self.timelines[new.conversation_id].add(entry, new)

    def _forget(self, entry: Entry) -> None:
        """Give an entry up, with the send that only it stands for, and what only it stood for."""
        self._show(entry, None)
        self._early.pop(entry, None)
        for name in entry.names:
            del self._names[name]
        for client in entry.claims:
            del self._claimers[client][entry]
            if not self._claimers[client]:
                del self._claimers[client]
            own = self._names.get(client)
            if own is not None and own.shown is None:
                self._forget(own)
        for client in entry.clients:
            for claimer in list(self._claimers.get(client, ())):
                if not claimer.copies:
                    self._forget(claimer)
