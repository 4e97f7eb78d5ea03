"""What a user must see after some tellings, worked out afresh from all of them, without any speed.

Written from the rules at the top of `messages.py` and from the contract, not from the code: names
are put into sets, sets that overlap are put together until none does, and the rest is read off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chatengine.client.core.world import ORDER, Telling

__all__ = ["Seen", "expected", "seen"]

Seen = dict[str, tuple[Any, ...]]
"""By chat: id, body, status, external id, client id of each message, as a sorted tuple."""


@dataclass
class _Group:
    names: set[Any]
    claims: set[Any] = field(default_factory=set)
    copies: list[Telling] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["sending"])
    has_provider: bool = False

    def absorb(self, other: _Group) -> None:
        self.names |= other.names
        self.claims |= other.claims
        self.copies += other.copies
        self.statuses += other.statuses
        self.has_provider |= other.has_provider


def expected(told: Iterable[Telling]) -> Seen:
    """What is seen after `told`; a timeout counts where nothing had confirmed its send."""
    groups: list[_Group] = []
    confirmed: set[Any] = set()
    for telling in told:
        about = telling.about
        own = ("send", about.chat, about.client)
        if telling.kind == "timeout" and own in confirmed:
            continue
        if telling.kind in ("copy", "row", "sent", "error", "timeout"):
            confirmed.add(own)
        group = _read(telling, own)
        for other in [each for each in groups if each.names & group.names]:
            groups.remove(other)
            group.absorb(other)
        groups.append(group)
    return _seen(groups)


def _read(telling: Telling, own: Any) -> _Group:
    about = telling.about
    has_provider = about.provider is not None and not telling.bare
    group = _Group(set(), statuses=["sending", telling.status])
    match telling.kind:
        case "copy" | "row":
            group.names = {about.provider or about.id} if telling.kind == "copy" else {about.row_id}
            group.copies = [telling]
            group.has_provider = has_provider
            if has_provider:
                group.names.add(about.provider)
            if about.client is not None:
                (group.claims if has_provider else group.names).add(own)
        case "send":
            group.names = {own, about.client}
            group.copies = [telling]
        case "status":
            group.names = {about.provider or about.id}
        case "sent":
            group.names, group.claims = {about.provider}, {own}
            group.statuses = ["sent"]
        case _:
            group.names, group.statuses = {own}, ["failed"]
    return group


def _seen(groups: list[_Group]) -> Seen:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for group in groups:
        claimers = [each for each in groups if each is not group and each.claims & group.names]
        if not group.copies or (not group.has_provider and any(each.copies for each in claimers)):
            continue
        related = [each for each in groups if each.names & group.claims]
        if not group.has_provider:
            related += [each for each in claimers if not each.copies]
        statuses = [status for each in (group, *related) for status in each.statuses]
        clients = {each.about.client for each in group.copies if each.about.client is not None}
        clients |= {name[2] for name in group.claims}
        best = max(group.copies, key=_worth)
        shown_id = {"send": best.about.client, "row": best.about.row_id, "copy": best.about.id}
        found.setdefault(best.about.chat, []).append(
            (
                shown_id[best.kind],
                best.about.body,
                max(statuses, key=ORDER.index),
                best.about.provider if group.has_provider else None,
                min(clients, default=None),
            )
        )
    return {chat: tuple(sorted(messages)) for chat, messages in found.items()}


def _worth(copy: Telling) -> tuple[int, int, str]:
    kind = ["send", "row", "copy"].index(copy.kind)
    return kind, copy.about.created_ms, copy.about.body


def seen(client: Any, chats: Iterable[str]) -> Seen:
    """What a client shows, in the same form."""
    shown = {
        chat: tuple(
            sorted(
                (each.id, each.body, each.status.crm, each.external_id, each.client_id)
                for each in client.messages(chat)
            )
        )
        for chat in chats
    }
    return {chat: messages for chat, messages in shown.items() if messages}
