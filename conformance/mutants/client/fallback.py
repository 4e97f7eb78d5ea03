"""How a client gets the way to Supabase, and back, wrong (C-FBK)."""

from __future__ import annotations

from msgspec.structs import replace

from chatengine.client.books import LIST, CatchUp
from chatengine.client.chatengine_link import ChatEngineLink
from chatengine.client.connection import Connection
from chatengine.client.core import fallback
from chatengine.client.core.entries import Entry
from chatengine.client.core.fallback import Action, Event, State
from chatengine.client.core.messages import Messages
from chatengine.client.core.shapes import Message, Origin
from chatengine.client.core.state import CrmState
from chatengine.client.history import ChatEngineHistory, SupabaseHistory
from chatengine.client.session import Session
from chatengine.client.supabase.realtime import RealtimeSource
from chatengine.client.supabase_link import SupabaseLink
from conformance.mutants.mutant import Seams, mutant


@mutant("C-FBK-1")
def needs_a_chatengine(seams: Seams) -> None:
    """Without a configured ChatEngine nothing serves."""
    seams.entry(fallback._TABLE, (State.OFF, Event.START_WITHOUT_SOCKET), (State.WAITING, ()))


@mutant("C-FBK-1")
def reads_once_without_chatengine(seams: Seams) -> None:
    """Without a configured ChatEngine reads Supabase's tables once, and is told of nothing."""
    row = SupabaseLink.row

    @seams.function(SupabaseLink, "row")
    def unheard(self: SupabaseLink, table: str, kind: str, record: dict[str, object]) -> None:
        if self._shared.config.chatengine is not None:
            row(self, table, kind, record)


@mutant("C-FBK-2", "C-FBK-7")
def falls_back_by_configuration_alone(seams: Seams) -> None:
    """Uses Supabase where no ChatEngine is configured, and never because its socket is dead."""
    seams.entry(fallback._TABLE, (State.WAITING, Event.GRACE_OVER), (State.WAITING, ()))
    seams.entry(fallback._WITHOUT_SUPABASE, (State.WAITING, Event.GRACE_OVER), (State.WAITING, ()))


@mutant("C-FBK-2")
def falls_back_after_six_seconds(seams: Seams) -> None:
    """Waits for six seconds before it asks Supabase."""
    set_clock = Session._set_clock

    @seams.function(Session, "_set_clock")
    def patient(self: Session, event: Event, after_ms: int) -> None:
        set_clock(self, event, 6000 if event is Event.GRACE_OVER else after_ms)


@mutant("C-FBK-2")
def waits_for_a_first_connection(seams: Seams) -> None:
    """Falls back after a loss, but not before there was a first connection."""
    set_clock, was_up = Session._set_clock, False
    tell = Session._tell

    @seams.function(Session, "_tell")
    def noticing(self: Session, event: Event, cause: str) -> None:
        nonlocal was_up
        was_up |= event is Event.SOCKET_UP
        tell(self, event, cause)

    @seams.function(Session, "_set_clock")
    def after_the_first(self: Session, event: Event, after_ms: int) -> None:
        if was_up or event is not Event.GRACE_OVER:
            set_clock(self, event, after_ms)


@mutant("C-FBK-3")
def keeps_its_channels_when_the_socket_is_back(seams: Seams) -> None:
    """Keeps its Supabase channels once they are joined."""

    @seams.function(SupabaseLink, "leave")
    def stay(self: SupabaseLink) -> None:
        """Nothing is released but by `stop`."""


@mutant("C-FBK-3")
def stays_with_supabase(seams: Seams) -> None:
    """Stays with Supabase once it has fallen back, though the socket is there again."""
    seams.entry(fallback._TABLE, (State.REALTIME, Event.SOCKET_UP), (State.REALTIME, ()))


@mutant("C-FBK-4")
def fetches_nothing_after_a_gap(seams: Seams) -> None:
    """Fetches a conversation when it is opened, and nothing after a gap."""

    @seams.function(CatchUp, "_fetch")
    async def only_at_first(self: CatchUp, key: str, *, latest: bool) -> None:
        gap = self._gaps.of(key)
        if gap is None or not gap.is_whole:
            return
        if key == LIST:
            await self._history.conversations(None)
        else:
            await self._history.conversation(key, gap.began_ms, latest=True)


@mutant("C-FBK-4")
def fetches_nothing_when_the_socket_is_back(seams: Seams) -> None:
    """Fetches what it missed from Supabase when that begins to serve, but not on the way back."""
    _never_again(seams, ChatEngineHistory)


@mutant("C-FBK-4")
def fetches_nothing_when_supabase_begins(seams: Seams) -> None:
    """Fetches what it missed when the socket is back, but not when Supabase begins to serve."""
    _never_again(seams, SupabaseHistory)


def _never_again(seams: Seams, history: type[ChatEngineHistory] | type[SupabaseHistory]) -> None:
    """Let one source's history fetch what was never seen, and nothing that was missed."""
    fetch = CatchUp._fetch

    @seams.function(CatchUp, "_fetch")
    async def whole_alone(self: CatchUp, key: str, *, latest: bool) -> None:
        gap = self._gaps.of(key)
        if not isinstance(self._history, history) or (gap is not None and gap.is_whole):
            await fetch(self, key, latest=latest)


@mutant("C-FBK-4")
def fetches_before_it_subscribes(seams: Seams) -> None:
    """Fetches what it missed when the socket is back, and subscribes once it has that."""

    @seams.function(ChatEngineLink, "_follow")
    def first(self: ChatEngineLink, key: str) -> None:
        self.filling.begin(key, lambda: self._subscribe(key), lambda: self.history.close(key))


@mutant("C-FBK-4")
def fetches_from_the_loss_on(seams: Seams) -> None:
    """Fetches what was written since the loss, without overlap: what was written before is lost."""

    @seams.function(CrmState, "backfill_since")
    def exact(self: CrmState, conversation_id: str, gap_began_ms: int, overlap_ms: int) -> int:
        return gap_began_ms

    fetch = CatchUp._fetch

    @seams.function(CatchUp, "_fetch")
    async def without_the_latest(self: CatchUp, key: str, *, latest: bool) -> None:
        await fetch(self, key, latest=False)


@mutant("C-FBK-4")
def fetches_one_page_of_a_gap(seams: Seams) -> None:
    """Fetches the latest fifty messages after a gap, however many there are."""

    @seams.function(ChatEngineHistory, "conversation")
    async def one_page(
        self: ChatEngineHistory, conversation_id: str, since_ms: int, *, latest: bool
    ) -> None:
        self._intake.history(await self._http.messages(conversation_id, None, 50))


@mutant("C-FBK-4")
def fetches_no_statuses(seams: Seams) -> None:
    """Adds what it did not know after a gap, and leaves what it knows as it was."""
    history, rows = CrmState.history, CrmState.row

    @seams.function(CrmState, "history")
    def new_alone(self: CrmState, payloads: list[object], now_ms: int) -> None:
        history(self, [each for each in payloads if not _is_known(self, each)], now_ms)

    @seams.function(CrmState, "row")
    def new_rows_alone(
        self: CrmState, table: str, record: object, now_ms: int, *, pushed: bool
    ) -> None:
        if pushed or not _is_known(self, record):
            rows(self, table, record, now_ms, pushed=pushed)


def _is_known(state: CrmState, told: object) -> bool:
    if not isinstance(told, dict):
        return False
    conversation_id = told.get("conversationId", told.get("conversation_id"))
    metadata = told.get("metadata") or {}
    names = {told.get("id"), told.get("external_id"), metadata.get("providerMessageId")} - {None}
    shown = state.messages(str(conversation_id))
    return any(names & {each.id, each.external_id} for each in shown)


@mutant("C-FBK-7")
def never_polls(seams: Seams) -> None:
    """Does nothing where neither the socket nor Supabase is there."""
    carry_out = Session._carry_out

    @seams.function(Session, "_carry_out")
    def without_polls(self: Session, action: Action) -> None:
        if action is not Action.START_POLLING:
            carry_out(self, action)


@mutant("C-FBK-8")
def leaves_a_socket_at_each_reconnect(seams: Seams) -> None:
    """Leaves the old socket open when it reconnects."""

    @seams.function(Connection, "close")
    async def leave(self: Connection) -> None:
        self._listener = None


@mutant("C-FBK-8")
def leaves_a_channel_at_each_fall(seams: Seams) -> None:
    """Opens another connection to Supabase each time that it falls back, and closes none."""
    join, others = SupabaseLink.join, list[RealtimeSource]()

    @seams.function(SupabaseLink, "join")
    def another(self: SupabaseLink) -> None:
        join(self)
        before, timing = self.realtime, self._shared.timing
        source = RealtimeSource(before._config, timing, _Deaf())
        source.watch(*self._list_topic)
        source.start()
        others.append(source)


class _Deaf:
    """Hears Realtime, and says nothing of it."""

    def serving(self, topic: str) -> None: ...

    def gap(self, topic: str) -> None: ...

    def refused(self, topic: str, reason: str) -> None: ...

    def lost(self, cause: str) -> None: ...

    def row(self, table: str, kind: str, record: dict[str, object]) -> None: ...


@mutant("C-FBK-5", "C-MSG-4")
def shows_a_second_tabs_message_twice(seams: Seams) -> None:
    """Knows a row of ours by its own sends alone: what a second tab sent shows twice."""
    identify = Messages._identify

    @seams.function(Messages, "_identify")
    def by_own_sends(self: Messages, copy: Message) -> tuple[Entry, bool]:
        own = (copy.conversation_id, copy.client_id or "")
        if copy.origin is Origin.SUPABASE and copy.is_outgoing and own not in self._names:
            copy = replace(copy, external_id=None, client_id=None)
        return identify(self, copy)
