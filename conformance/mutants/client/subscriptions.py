"""How a client gets its subscriptions wrong (C-SUB)."""

from __future__ import annotations

from chatengine.client.books import LIST
from chatengine.client.chatengine_link import ChatEngineLink
from chatengine.client.core.attention import Attention
from chatengine.client.core.fallback import Event
from chatengine.client.supabase_link import SupabaseLink
from conformance.mutants.mutant import Seams, mutant


@mutant("C-SUB-1")
def subscribes_at_the_next_connection(seams: Seams) -> None:
    """Remembers an opened conversation for the next connection, and subscribes it only then."""

    @seams.function(ChatEngineLink, "opened")
    def remember(self: ChatEngineLink, conversation_id: str) -> None:
        """`connected` subscribes all that is open."""


@mutant("C-SUB-2")
def drops_what_is_opened_before_the_connection(seams: Seams) -> None:
    """Drops a subscription that is asked for before the first connection is up."""
    is_first = True

    @seams.function(ChatEngineLink, "connected")
    def without_those(self: ChatEngineLink) -> None:
        nonlocal is_first
        self._tell(Event.SOCKET_UP, "")
        for key in (LIST,) if is_first else self._books.keys:
            self._follow(key)
        is_first = False


@mutant("C-SUB-3")
def forgets_subscriptions_at_a_reconnect(seams: Seams) -> None:
    """Subscribes on the first connection, and takes for granted that later ones have them too."""
    is_first = True

    @seams.function(ChatEngineLink, "connected")
    def once(self: ChatEngineLink) -> None:
        nonlocal is_first
        self._tell(Event.SOCKET_UP, "")
        for key in self._books.keys if is_first else (LIST,):
            self._follow(key)
        is_first = False


@mutant("C-SUB-3")
def subscribes_again_only_once(seams: Seams) -> None:
    """Subscribes again at the first reconnect, and at no later one."""
    connections = 0

    @seams.function(ChatEngineLink, "connected")
    def twice_at_most(self: ChatEngineLink) -> None:
        nonlocal connections
        connections += 1
        self._tell(Event.SOCKET_UP, "")
        for key in self._books.keys if connections <= 2 else (LIST,):
            self._follow(key)


@mutant("C-SUB-3")
def subscribes_twice_after_a_reconnect(seams: Seams) -> None:
    """Subscribes from its list and from each view's own listener, so twice after a reconnect."""
    connected, is_first = ChatEngineLink.connected, True

    @seams.function(ChatEngineLink, "connected")
    def from_both(self: ChatEngineLink) -> None:
        nonlocal is_first
        connected(self)
        for key in () if is_first else self._books.keys[1:]:
            self._shared.background.start(("again", key), _subscribe(self, key))
        is_first = False


@mutant("C-SUB-3")
def sends_what_it_kept_as_well(seams: Seams) -> None:
    """Subscribes what was opened during a loss, and sends the command it could not send, too."""
    opened, connected, kept = ChatEngineLink.opened, ChatEngineLink.connected, list[str]()
    is_first = True

    @seams.function(ChatEngineLink, "opened")
    def keep(self: ChatEngineLink, conversation_id: str) -> None:
        if not (is_first or self.socket.connected):
            kept.append(conversation_id)
        opened(self, conversation_id)

    @seams.function(ChatEngineLink, "connected")
    def with_those(self: ChatEngineLink) -> None:
        nonlocal is_first
        connected(self)
        for key in kept:
            self._shared.background.start(("kept", key), _subscribe(self, key))
        kept.clear()
        is_first = False


async def _subscribe(link: ChatEngineLink, key: str) -> None:
    await link.socket.subscribe(key)


@mutant("C-SUB-4")
def never_unsubscribes(seams: Seams) -> None:
    """Leaves the subscription of a closed conversation to the server."""

    @seams.function(ChatEngineLink, "closed")
    def leave(self: ChatEngineLink, conversation_id: str) -> None:
        self.filling.abandon(conversation_id)


@mutant("C-SUB-4")
def subscribes_the_closed_again(seams: Seams) -> None:
    """Subscribes at a reconnect whatever it was ever asked to subscribe."""
    connected, opened = ChatEngineLink.connected, ChatEngineLink.opened
    ever: dict[str, None] = {}

    @seams.function(ChatEngineLink, "opened")
    def keep(self: ChatEngineLink, conversation_id: str) -> None:
        ever[conversation_id] = None
        opened(self, conversation_id)

    @seams.function(ChatEngineLink, "connected")
    def subscribe_all(self: ChatEngineLink) -> None:
        connected(self)
        for key in ever:
            if key not in self._books.keys:
                self._shared.background.start(("ever", key), _subscribe(self, key))


@mutant("C-SUB-5")
def unsubscribes_at_the_first_close(seams: Seams) -> None:
    """Unsubscribes when the first of two views of a conversation closes it."""
    close = Attention.close

    @seams.function(Attention, "close")
    def at_once(self: Attention, conversation_id: str) -> bool:
        if conversation_id in self._open:
            self._open[conversation_id] = 1
        return close(self, conversation_id)


@mutant("C-SUB-5")
def subscribes_for_every_view(seams: Seams) -> None:
    """Subscribes each time that a conversation is opened, also one that is open."""
    open = Attention.open

    @seams.function(Attention, "open")
    def every_time(self: Attention, conversation_id: str) -> bool:
        open(self, conversation_id)
        return True


@mutant("C-SUB-4")
def keeps_the_channel_of_what_is_closed(seams: Seams) -> None:
    """Keeps a conversation's channel at Supabase once nobody looks at it any more."""

    @seams.function(SupabaseLink, "closed")
    def kept(self: SupabaseLink, conversation_id: str) -> None:
        """Nothing is released."""
