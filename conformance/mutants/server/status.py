"""How a server gets statuses wrong (S-STA)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chatengine import webhooks
from chatengine.status import Status
from chatengine.webhooks import StatusChange
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine.memory_store import MemoryStore, _Workspace
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.store import MessageAdded, StatusRaised


@mutant("S-STA-1")
def tells_no_statuses(seams: Seams) -> None:
    """Keeps statuses in its history, and sends no `messageStatus`."""

    @seams.function(Publisher, "_publish_status")
    def silent(self: Publisher, change: MessageAdded | StatusRaised) -> None:
        """Nobody is told."""


@mutant("S-STA-1")
def keeps_no_statuses(seams: Seams) -> None:
    """Sends `messageStatus`, and leaves its history as it was."""
    messages = MemoryStore.messages

    @seams.function(MemoryStore, "messages")
    def as_they_began(
        self: MemoryStore,
        workspace_id: str,
        conversation_id: str,
        *,
        since_ms: int | None,
        limit: int,
    ) -> list[Any]:
        found = messages(self, workspace_id, conversation_id, since_ms=since_ms, limit=limit)
        return [replace(each, status="delivered", updated_at=None) for each in found]


@mutant("S-STA-1")
def reads_names_alone(seams: Seams) -> None:
    """Reads a status that is told by its name, and not one that is told by its number."""
    _reading(seams, lambda item: not isinstance(item.get("status"), int))


@mutant("S-STA-1")
def takes_a_played_message_for_unread(seams: Seams) -> None:
    """Does not know `PLAYED`, which a voice message ends as."""
    _reading(seams, lambda item: item.get("status") not in ("PLAYED", 5))


@mutant("S-STA-1")
def reads_one_shape_of_an_update(seams: Seams) -> None:
    """Reads `keyId` and `status`, and not `key.id` and `update.status`."""
    _reading(seams, lambda item: "keyId" in item)


def _reading(seams: Seams, is_known: Callable[[dict[str, Any]], bool]) -> None:
    """Pass over what is not known."""
    change = webhooks._status_change

    @seams.function(webhooks, "_status_change")
    def known_alone(item: dict[str, Any]) -> StatusChange | None:
        found = change(item)
        return found if is_known(item) else None


@mutant("S-STA-1")
def reads_the_first_of_a_list(seams: Seams) -> None:
    """Reads the first acknowledgement of a list, and none of the others."""
    items = webhooks._items

    @seams.function(webhooks, "_items")
    def first(data: object) -> list[dict[str, Any]]:
        return items(data)[:1]


@mutant("S-STA-1")
def takes_an_unknown_status_for_failed(seams: Seams) -> None:
    """Takes a status that it does not know for `failed`, and tells that."""
    from_provider = Status.from_provider

    @seams.function(Status, "from_provider")
    def default(cls: type[Status], value: object) -> Status | None:
        return from_provider(value) or Status.FAILED

    raise_status = MemoryStore.raise_status

    @seams.function(MemoryStore, "raise_status")
    def told(self: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
        raise_status(self, workspace_id, provider_id, status)
        if status is Status.FAILED:
            _lower(self, workspace_id, provider_id, status)


def _lower(store: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
    """Let a message have a status, whatever it had."""
    workspace = store._workspace(workspace_id)
    message_id = workspace.ids_by_provider.get(provider_id)
    if message_id is not None:
        entry = workspace.entries[message_id]
        entry.status = status
        entry.message = replace(entry.message, status=status.wire)
        store._tell(StatusRaised(entry.message))


@mutant("S-STA-2")
def lets_the_last_status_win(seams: Seams) -> None:
    """Lets any status overwrite any other."""
    raise_status = MemoryStore.raise_status

    @seams.function(MemoryStore, "raise_status")
    def overwrite(self: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
        if provider_id in self._workspace(workspace_id).ids_by_provider:
            _lower(self, workspace_id, provider_id, status)
        else:
            raise_status(self, workspace_id, provider_id, status)


@mutant("S-STA-2")
def tells_what_it_does_not_keep(seams: Seams) -> None:
    """Keeps the greatest status, but tells each as it came."""
    raise_status = MemoryStore.raise_status

    @seams.function(MemoryStore, "raise_status")
    def told(self: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
        raise_status(self, workspace_id, provider_id, status)
        workspace = self._workspace(workspace_id)
        message_id = workspace.ids_by_provider.get(provider_id)
        if message_id is not None and workspace.entries[message_id].status is not status:
            message = workspace.entries[message_id].message
            self._tell(StatusRaised(replace(message, status=status.wire)))


@mutant("S-STA-2")
def puts_failed_above_delivered(seams: Seams) -> None:
    """Lets `failed` overwrite `delivered`."""
    raise_status = MemoryStore.raise_status

    @seams.function(MemoryStore, "raise_status")
    def failing(self: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
        workspace = self._workspace(workspace_id)
        entry = workspace.entries.get(workspace.ids_by_provider.get(provider_id, ""))
        if entry is not None and (entry.status, status) == (Status.DELIVERED, Status.FAILED):
            _lower(self, workspace_id, provider_id, status)
        else:
            raise_status(self, workspace_id, provider_id, status)


@mutant("S-STA-3")
def drops_early_statuses(seams: Seams) -> None:
    """Drops a status whose message it does not know."""

    @seams.function(_Workspace, "wait_for_message")
    def drop(self: _Workspace, provider_id: str, status: Status) -> None:
        """Nothing is kept."""


@mutant("S-STA-3")
def keeps_the_last_early_status(seams: Seams) -> None:
    """Of several early statuses keeps the last, not the greatest."""

    @seams.function(_Workspace, "wait_for_message")
    def last(self: _Workspace, provider_id: str, status: Status) -> None:
        self.early[provider_id] = status


@mutant("S-STA-3")
def applies_an_early_status_whatever_it_says(seams: Seams) -> None:
    """Starts a message with its early status, though that is below the one it starts with."""
    add = MemoryStore.add

    @seams.function(MemoryStore, "add")
    def early_first(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Any) -> Any:
        early = self._workspace(workspace_id).early.get(draft.provider_id or "")
        return add(
            self,
            workspace_id,
            conversation_id,
            draft if early is None else replace(draft, status=early),
        )
