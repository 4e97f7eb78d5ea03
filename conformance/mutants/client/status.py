"""How a client gets its statuses wrong (C-STA)."""

from __future__ import annotations

from msgspec import ValidationError, convert

from chatengine.client.core import state
from chatengine.client.core.entries import Entry
from chatengine.client.core.mapping import (
    message_from_payload,
    message_from_row,
    provider_name,
)
from chatengine.client.core.messages import Messages
from chatengine.client.core.notices import StatusNotice
from chatengine.client.core.reading import Malformed
from chatengine.client.core.shapes import Message
from chatengine.client.core.state import CrmState
from chatengine.status import Status
from conformance.mutants.mutant import Seams, mutant


@mutant("C-STA-1", "C-FBK-6")
def lets_the_last_status_win(seams: Seams) -> None:
    """Lets any status overwrite any other, as the original does."""

    @seams.function(Messages, "raise_status")
    def overwrite(self: Messages, name: str, status: Status) -> bool:
        name = provider_name(name)
        entry = self._names.get(name) or self._wait(name)
        entry.status = status
        self._refresh(entry)
        return True

    _overwritten_by_copies(seams)


@mutant("C-STA-1", "C-FBK-6")
def lets_a_copy_overwrite_the_status(seams: Seams) -> None:
    """Takes the status of whatever copy of a message came last, a row that is behind for one."""
    _overwritten_by_copies(seams)


def _overwritten_by_copies(seams: Seams) -> None:
    take = Entry.take

    @seams.function(Entry, "take")
    def overwrite(self: Entry, copy: Message) -> bool:
        is_first, before = not self.copies, self.status
        changed = take(self, copy)
        self.status = max(self.status, before) if is_first else copy.status
        return changed or self.status is not before


@mutant("C-STA-1")
def takes_failed_for_the_end(seams: Seams) -> None:
    """Takes `failed` for final, though the message is delivered and read after all."""
    raise_status, take = Messages.raise_status, Entry.take

    @seams.function(Messages, "raise_status")
    def final(self: Messages, name: str, status: Status) -> bool:
        entry = self._names.get(provider_name(name))
        if entry is not None and entry.status is Status.FAILED:
            return False
        return raise_status(self, name, status)

    @seams.function(Entry, "take")
    def final_for_rows(self: Entry, copy: Message) -> bool:
        before = self.status
        changed = take(self, copy)
        if before is Status.FAILED:
            self.status = before
        return changed


@mutant("C-STA-1")
def puts_failed_above_delivered(seams: Seams) -> None:
    """Lets `failed` overwrite `delivered`."""
    raise_status = Messages.raise_status

    @seams.function(Messages, "raise_status")
    def failing(self: Messages, name: str, status: Status) -> bool:
        entry = self._names.get(provider_name(name))
        if entry is not None and status is Status.FAILED and entry.status is Status.DELIVERED:
            entry.status = status
            self._refresh(entry)
            return True
        return raise_status(self, name, status)


@mutant("C-STA-2")
def drops_early_statuses(seams: Seams) -> None:
    """Drops a status whose message it does not know."""
    raise_status = Messages.raise_status

    @seams.function(Messages, "raise_status")
    def known_alone(self: Messages, name: str, status: Status) -> bool:
        return provider_name(name) in self._names and raise_status(self, name, status)


@mutant("C-STA-1")
def keeps_the_last_early_status(seams: Seams) -> None:
    """Of several statuses that come before their message keeps the last, not the greatest."""
    raise_status = Messages.raise_status

    @seams.function(Messages, "raise_status")
    def last(self: Messages, name: str, status: Status) -> bool:
        entry = self._names.get(provider_name(name))
        if entry is not None and entry in self._early:
            entry.status = Status.PENDING
        return raise_status(self, name, status)


@mutant("C-STA-3")
def finds_messages_by_id_alone(seams: Seams) -> None:
    """Looks for the message of a status by its `id` alone."""
    raise_status = Messages.raise_status

    @seams.function(Messages, "raise_status")
    def by_id(self: Messages, name: str, status: Status) -> bool:
        entry = self._names.get(provider_name(name))
        if entry is not None and entry.copies and all(each.id != name for each in entry.copies):
            return False
        return raise_status(self, name, status)


@mutant("C-STA-3")
def finds_messages_by_provider_id_alone(seams: Seams) -> None:
    """Looks for the message of a status by the provider's id alone, where it has one."""
    raise_status = Messages.raise_status

    @seams.function(Messages, "raise_status")
    def by_provider(self: Messages, name: str, status: Status) -> bool:
        entry = self._names.get(provider_name(name))
        if entry is not None and entry.has_provider:
            known = {each.external_id for each in entry.copies}
            if name not in known:
                return False
        return raise_status(self, name, status)


@mutant("C-STA-3")
def never_finds_a_row_again(seams: Seams) -> None:
    """Takes the UPDATE of a row that it has for old news."""
    take = CrmState._message_row
    known = set[object]()

    @seams.function(CrmState, "_message_row")
    def once(self: CrmState, record: object, now_ms: int) -> bool:
        row_id = record.get("id") if isinstance(record, dict) else None
        if isinstance(row_id, str) and row_id in known:
            return False
        known.add(row_id)
        return take(self, record, now_ms)


@mutant("C-STA-4")
def takes_an_unknown_status_for_sending(seams: Seams) -> None:
    """Shows a message whose status it does not know as `sending` (`default: return 'sending'`)."""
    take = CrmState._status

    @seams.function(CrmState, "_status")
    def default(self: CrmState, payload: object, now_ms: int) -> bool:
        try:
            notice = convert(payload, StatusNotice)
        except ValidationError as error:
            raise Malformed(str(error)) from None
        entry = self._messages._names.get(provider_name(notice.message_id))
        if entry is not None and Status.parse(notice.status) is None:
            entry.status = Status.PENDING
            self._messages._refresh(entry)
            return True
        return take(self, payload, now_ms)


@mutant("C-STA-4")
def drops_messages_of_an_unknown_status(seams: Seams) -> None:
    """Drops a message whose status it does not know."""

    @seams.function(state, "message_from_payload")
    def known_alone(payload: object, workspace_id: str, user_id: str) -> Message:
        _check(payload)
        return message_from_payload(payload, workspace_id, user_id)

    @seams.function(state, "message_from_row")
    def known_rows_alone(record: object, workspace_id: str) -> tuple[Message, str | None]:
        _check(record)
        return message_from_row(record, workspace_id)


def _check(told: object) -> None:
    if isinstance(told, dict) and Status.parse(told.get("status")) is None:
        raise Malformed("an unknown status")
