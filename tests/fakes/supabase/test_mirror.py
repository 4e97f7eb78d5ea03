"""The rows of what ChatEngine stores (contract, section 6)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chatengine.payloads import Attachment, MessageType
from chatengine.status import Status
from fakes.chatengine.memory_store import MemoryStore
from fakes.chatengine.store import Draft, Route
from fakes.supabase import mirror
from fakes.supabase.database import Change, Database
from fakes.supabase.mirror import row_id

JID = "5511990000001@s.whatsapp.net"
SECOND = 1_767_225_601
ROUTE = Route("sales-1", "n-1", JID)


class World:
    """A store, its mirror, and the changes of it."""

    def __init__(self) -> None:
        self.store = MemoryStore(clock=lambda: SECOND)
        self.database = Database()
        self.changes: list[Change] = []
        self.database.listen(self.changes.append)
        mirror(self.store, self.database)

    def arrive(
        self,
        key_id: str,
        *,
        workspace_id: str = "w-1",
        route: Route = ROUTE,
        sender_id: str = JID,
        type: MessageType = "text",
        **more: Any,
    ) -> dict[str, Any]:
        """Let a message enter; returns its row."""
        draft = Draft(
            id=f"evo-{key_id}",
            sender_id=sender_id,
            type=type,
            content=more.pop("content", "Olá!"),
            status=more.pop("status", Status.DELIVERED),
            second=more.pop("second", SECOND),
            provider_id=more.pop("provider_id", key_id),
            from_customer=sender_id == JID,
            **more,
        )
        self.store.add(workspace_id, self.store.open(workspace_id, route), draft)
        row = self.database.get("messages", row_id(workspace_id, draft.id))
        assert row is not None
        return row

    def conversation(self, workspace_id: str = "w-1") -> dict[str, Any]:
        row = self.database.get("conversations", JID, workspace_id)
        assert row is not None
        return row


def test_the_row_of_a_customers_message() -> None:
    """Another id, the provider's id beside it, and everything else as the contract names it."""
    row = World().arrive("3EB0")
    assert uuid.UUID(row.pop("id")).version == 5
    assert row == {
        "workspace_id": "w-1",
        "conversation_id": JID,
        "whatsapp_number_id": "n-1",
        "sent_by_user_id": None,
        "body": "Olá!",
        "type": "text",
        "status": "delivered",
        "is_outgoing": False,
        "media_url": None,
        "external_id": "3EB0",
        "client_message_id": None,
        "error_message": None,
        "reply_to_id": None,
        "quoted_message": None,
        "created_at": "2026-01-01T00:00:01+00:00",
    }


def test_the_row_of_an_agents_message() -> None:
    """Whose it is, its client id, and what it answers, by the id of that row."""
    row = World().arrive(
        "A1", sender_id="agent-1", status=Status.PENDING, client_id="c-1", reply_to="evo-A0"
    )
    assert (row["is_outgoing"], row["sent_by_user_id"]) == (True, "agent-1")
    assert (row["status"], row["client_message_id"]) == ("sending", "c-1")
    assert row["reply_to_id"] == row_id("w-1", "evo-A0")


@pytest.mark.parametrize(
    ("sender", "outgoing"),
    [("me", True), ("system", True), ("5511990000001", False), ("+55119", False), (JID, False)],
)
def test_senders_that_are_no_users(sender: str, outgoing: bool) -> None:
    """`me` and `system` are us, a JID and a phone number the customer; none is a user."""
    row = World().arrive("A1", sender_id=sender)
    assert (row["is_outgoing"], row["sent_by_user_id"]) == (outgoing, None)


@pytest.mark.parametrize(
    ("type", "named"), [("image", "image"), ("audio", "audio"), ("file", "document")]
)
def test_media(type: MessageType, named: str) -> None:
    """A file is a document; the first attachment is the medium."""
    attachment = Attachment(id="a", message_id="evo-A1", type=type, url="https://media.example/1")
    row = World().arrive("A1", type=type, attachments=(attachment,))
    assert (row["type"], row["media_url"]) == (named, "https://media.example/1")


def test_a_failed_message_has_no_provider_id() -> None:
    """The provider never gave it one."""
    row = World().arrive("A1", sender_id="agent-1", status=Status.FAILED, provider_id=None)
    assert (row["status"], row["external_id"]) == ("failed", None)


def test_a_status_changes_the_row() -> None:
    """One UPDATE, of the status alone; an early status is in the row from the start."""
    world = World()
    row = world.arrive("A1", sender_id="me", status=Status.SENT)
    world.changes.clear()
    world.store.raise_status("w-1", "A1", Status.READ)
    world.store.raise_status("w-1", "A1", Status.DELIVERED)
    (change,) = world.changes
    assert (change.kind, change.record) == ("UPDATE", row | {"status": "read"})
    world.store.raise_status("w-1", "A2", Status.READ)
    assert world.arrive("A2", sender_id="me", status=Status.SENT)["status"] == "read"


def test_the_conversation_comes_before_its_message() -> None:
    """INSERT of both, then UPDATE of the conversation with each further message."""
    world = World()
    world.arrive("A1")
    world.arrive("A2")
    assert [(each.kind, each.table.name) for each in world.changes] == [
        ("INSERT", "conversations"),
        ("INSERT", "messages"),
        ("UPDATE", "conversations"),
        ("INSERT", "messages"),
    ]


def test_the_row_of_a_conversation() -> None:
    """Its last moment is that of the newest message; unread counts the customer's."""
    world = World()
    world.arrive("A2", second=SECOND + 60)
    world.arrive("A1")
    world.arrive("A3", sender_id="me", second=SECOND + 30)
    row = world.conversation()
    assert row["last_message_at"] == "2026-01-01T00:01:01+00:00"
    assert (row["unread_count"], row["contact_id"], row["remote_jid"]) == (2, JID, JID)
    assert (row["whatsapp_number_id"], row["is_group"], row["is_typing"]) == ("n-1", False, False)
    world.store.mark_read("w-1", JID)
    assert world.conversation()["unread_count"] == 0
    assert world.conversation()["created_at"] == row["created_at"]


def test_a_group() -> None:
    """A group is one, and has no contact."""
    world, group = World(), "120363000000000000@g.us"
    world.arrive("A1", route=Route("sales-1", "n-1", group))
    row = world.database.get("conversations", group, "w-1")
    assert row is not None
    assert (row["is_group"], row["contact_id"]) == (True, None)


def test_a_conversation_with_another_id_keeps_its_jid() -> None:
    """A customer's second number has a UUID for an id; the row names the customer."""
    world = World()
    world.arrive("A1")
    row = world.arrive("A2", route=Route("sales-2", "n-3", JID))
    conversation = world.database.get("conversations", row["conversation_id"], "w-1")
    assert conversation is not None
    assert (conversation["remote_jid"], conversation["whatsapp_number_id"]) == (JID, "n-3")


def test_two_workspaces_with_one_customer() -> None:
    """Each has its own rows, though the ids in ChatEngine are the same."""
    world = World()
    first, second = world.arrive("A1"), world.arrive("A1", workspace_id="w-2")
    assert first["id"] != second["id"]
    world.arrive("A2", workspace_id="w-2")
    assert world.conversation("w-1")["unread_count"] == 1
    assert world.conversation("w-2")["unread_count"] == 2
