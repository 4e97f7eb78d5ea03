"""All wanted topics over one connection after another: bytes and `now` in, frames and news out.

The protocol of Supabase Realtime without any I/O. The owner of the socket tells when it is there
and when it is gone, hands over what it brings, sends what is `outgoing`, passes `news` on, and
calls `tick` at `next_ms`. Moments are milliseconds of one monotonic clock.

Joins are paced, for a project's agents together may join 100 times a second. The access token is
asked for at each heartbeat, as realtime-js does, and after a refusal before anything is joined
again; a new one is pushed to every joined channel.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from chatengine.client.supabase import phoenix, refusals
from chatengine.client.supabase.channel import Channel, Move, Stage, Trouble
from chatengine.client.supabase.news import Changed, Gap, News, Refused, Serving
from chatengine.client.supabase.phoenix import Binding, Frame, FrameError
from chatengine.client.supabase.pushes import Push, Pushes

__all__ = ["Pace", "Subscriptions"]

_REALTIME: Final = "realtime:"
_NO_RIGHT: Final = "Error 401"
_TOKEN_RETRY_MS: Final = 1000.0
"""A token that could not be had is asked for once a second, as C-CONN-6 has it of CONNECTs."""


class Pace(Struct, frozen=True, kw_only=True):
    """Deadlines and distances in milliseconds; `retry` and `refused`: failures -> delay."""

    reply_ms: float
    subscribe_ms: float
    heartbeat_ms: float
    join_gap_ms: float
    retry: Callable[[int], float]
    refused: Callable[[int], float]


class Subscriptions:
    """The wanted topics, and what was said of them on the connection there is."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._channels: dict[str, Channel] = {}
        self._pushes = Pushes(pace.reply_ms)
        self._outgoing: list[str] = []
        self._news: list[News] = []
        self._open = False
        self._token = ""
        self._token_due_ms = float("inf")
        self._heartbeat_due_ms = 0.0
        self._join_due_ms = 0.0
        self.malformed = 0
        """Frames that were none, dropped."""
        self.unanswered = False
        """Whether a heartbeat went unanswered: the connection is dead."""
        self.token_refused = False
        """Whether joins wait for another token."""

    def watch(self, topic: str, bindings: Sequence[Binding]) -> None:
        """Want `topic` with these bindings; other bindings than before join it anew."""
        known = self._channels.get(topic)
        if known is None or known.bindings != tuple(bindings):
            self.unwatch(topic)
            self._channels[topic] = Channel(topic, tuple(bindings))

    def unwatch(self, topic: str) -> None:
        """Leave `topic`, wherever its join stands, and forget it."""
        channel = self._channels.pop(topic, None)
        if channel is not None:
            self._leave(channel)

    @property
    def wanted(self) -> bool:
        """Whether any topic is."""
        return bool(self._channels)

    @property
    def serving(self) -> frozenset[str]:
        """The topics whose changes come now."""
        return frozenset(
            topic for topic, each in self._channels.items() if each.stage is Stage.SERVING
        )

    @property
    def all_serve(self) -> bool:
        """Whether the changes of every wanted topic come now."""
        return all(each.stage is Stage.SERVING for each in self._channels.values())

    @property
    def troubles(self) -> list[Trouble]:
        """Why topics do not serve, in the order in which they were wanted."""
        return [each.trouble for each in self._channels.values() if each.trouble is not None]

    def opened(self, token: str, now_ms: float) -> None:
        """Begin on a new connection, joining with the access token `token`."""
        self._open = True
        self.unanswered = False
        self._heartbeat_due_ms = now_ms + self._pace.heartbeat_ms
        self.renewed(token)

    def closed(self) -> None:
        """End with the connection; what was refused keeps its distance on the next one."""
        self._open = False
        self._pushes.clear()
        self._outgoing.clear()
        for channel in self._channels.values():
            if channel.stage not in (Stage.WAITING, Stage.DEAF):
                channel.due_ms = 0.0
            channel.move(Move.ENDED)

    def renewed(self, token: str) -> None:
        """Take over an access token; every joined channel is told of one that is new."""
        self.token_refused, self._token_due_ms = False, float("inf")
        if token == self._token:
            return
        self._token = token
        for channel in self._channels.values():
            self._say(channel, phoenix.ACCESS_TOKEN, {"access_token": token})

    def renewal_failed(self, now_ms: float) -> None:
        """Put the next attempt to have a token off."""
        self._token_due_ms = now_ms + _TOKEN_RETRY_MS

    def wants_token(self, now_ms: float) -> bool:
        """Whether the access token should be asked for now."""
        return self._token_due_ms <= now_ms

    def tick(self, now_ms: float) -> None:
        """Do what is due: heartbeat, joins, deadlines."""
        if not self._open:
            return
        for push in self._pushes.overdue(now_ms):
            self._unanswered(push, now_ms)
        if self._heartbeat_due_ms <= now_ms:
            self._heartbeat_due_ms = now_ms + self._pace.heartbeat_ms
            self._token_due_ms = min(self._token_due_ms, now_ms)
            ref = self._pushes.new_ref()
            self._pushes.ask(ref, Push(None), now_ms)
            self._send(None, ref, phoenix.PHOENIX, phoenix.HEARTBEAT, {})
        for channel in tuple(self._channels.values()):
            if channel.due_ms <= now_ms:
                self._due(channel, now_ms)

    def next_ms(self) -> float:
        """When `tick` has something to do, if nothing else happens before."""
        moments = [self._heartbeat_due_ms, self._token_due_ms, self._pushes.next_ms()]
        for channel in self._channels.values():
            match channel.stage:
                case Stage.SUBSCRIBING | Stage.DEAF:
                    moments.append(channel.due_ms)
                case Stage.WAITING if not self.token_refused:
                    moments.append(max(channel.due_ms, self._join_due_ms))
        return min(moments)

    def outgoing(self) -> list[str]:
        """Hand over the frames to send, in order."""
        frames, self._outgoing = self._outgoing, []
        return frames

    def news(self) -> list[News]:
        """Hand over what the listener is to hear, in order."""
        news, self._news = self._news, []
        return news

    def received(self, data: bytes, now_ms: float) -> None:
        """Take in one text message; what is no frame is counted in `malformed` and dropped."""
        try:
            frame = phoenix.decode(data)
            if frame.event == phoenix.REPLY:
                self._answered(frame, now_ms)
            else:
                self._pushed(frame, now_ms)
        except FrameError:
            self.malformed += 1

    def _due(self, channel: Channel, now_ms: float) -> None:
        match channel.stage:
            case Stage.SUBSCRIBING:
                seconds = self._pace.subscribe_ms / 1000
                sentence = f"the database subscription was not there within {seconds:g} s"
                self._abandon(channel, Trouble(sentence, refused=False), now_ms)
            case Stage.DEAF:
                self._leave(channel)
                channel.move(Move.ENDED)
            case Stage.WAITING if not self.token_refused and self._join_due_ms <= now_ms:
                self._join(channel, now_ms)

    def _join(self, channel: Channel, now_ms: float) -> None:
        self._join_due_ms = now_ms + self._pace.join_gap_ms
        channel.move(Move.ASKED)
        channel.join_ref = ref = self._pushes.new_ref()
        self._pushes.ask(ref, Push(channel), now_ms)
        payload = phoenix.join_payload(channel.bindings, self._token)
        self._send(ref, ref, _REALTIME + channel.topic, phoenix.JOIN, payload)

    def _answered(self, frame: Frame, now_ms: float) -> None:
        if frame.ref is None or not self._pushes.is_awaited(frame.ref):
            return
        reply = phoenix.read_reply(frame)
        channel = self._pushes.answered(frame.ref, now_ms).channel
        if channel is None:
            return
        ids = phoenix.bound_ids(reply, channel.bindings)
        if reply.status != "ok":
            self._ended(channel, Trouble(refusals.join(reply.reason), refused=True), now_ms)
        elif ids is None:
            self._abandon(channel, Trouble(refusals.MISMATCH, refused=True), now_ms)
        else:
            channel.ids = ids
            channel.due_ms = now_ms + self._pace.subscribe_ms
            self._served(channel, Move.JOINED)

    def _unanswered(self, push: Push, now_ms: float) -> None:
        if push.channel is None:
            self.unanswered = True
            return
        sentence = f"Supabase did not answer the join within {self._pace.reply_ms / 1000:g} s"
        self._abandon(push.channel, Trouble(sentence, refused=False), now_ms)

    def _pushed(self, frame: Frame, now_ms: float) -> None:
        channel = self._channels.get(frame.topic.removeprefix(_REALTIME))
        if channel is None or channel.join_ref is None:
            return
        if frame.join_ref not in (None, channel.join_ref):
            return  # of an earlier join: its close comes after the answer to the next one
        match frame.event:
            case phoenix.CHANGES:
                self._changed(channel, phoenix.read_change(frame), now_ms)
            case phoenix.SYSTEM:
                self._told(channel, phoenix.read_system(frame), now_ms)
            case phoenix.CLOSE:
                self._ended(channel, Trouble("Supabase closed the channel", refused=False), now_ms)
            case phoenix.ERROR:
                self._ended(
                    channel, Trouble("the channel broke at Supabase", refused=False), now_ms
                )

    def _told(self, channel: Channel, system: phoenix.System, now_ms: float) -> None:
        if system.subscribed:
            self._served(channel, Move.SUBSCRIBED)
        elif system.status == "error":
            self._deafened(channel, system.message, now_ms)

    def _changed(self, channel: Channel, change: phoenix.Change, now_ms: float) -> None:
        row = change.data
        if not channel.asked_for(change.ids, row):
            return
        if row.errors and row.errors[0].startswith(_NO_RIGHT):
            self._deafened(channel, row.errors[0], now_ms)
        elif row.errors:
            # 413: large fields and nulls were left out, so the record tells half the truth.
            self._news.append(Gap(channel.topic))
        elif row.record is None:
            raise FrameError("a change without its record")
        else:
            self._news.append(Changed(row.table, row.type, row.record))

    def _served(self, channel: Channel, move: Move) -> None:
        served_before = channel.stage is Stage.SERVING
        if channel.move(move) and channel.stage is Stage.SERVING:
            self._news.append((Gap if served_before else Serving)(channel.topic))

    def _deafened(self, channel: Channel, message: str, now_ms: float) -> None:
        if channel.move(Move.DEAFENED):
            trouble = Trouble(refusals.subscription(message), refused=True)
            self._in_trouble(channel, trouble, now_ms)

    def _abandon(self, channel: Channel, trouble: Trouble, now_ms: float) -> None:
        self._leave(channel)
        self._ended(channel, trouble, now_ms)

    def _ended(self, channel: Channel, trouble: Trouble, now_ms: float) -> None:
        """End a join. A deaf channel that closes has said why: an expired token, say."""
        told_why = channel.stage is Stage.DEAF
        self._pushes.forget(channel.join_ref)
        channel.move(Move.ENDED)
        if told_why:
            channel.due_ms = now_ms + self._pace.retry(channel.failures)
        else:
            self._in_trouble(channel, trouble, now_ms)

    def _in_trouble(self, channel: Channel, trouble: Trouble, now_ms: float) -> None:
        delay = self._pace.refused if trouble.refused else self._pace.retry
        channel.due_ms = now_ms + delay(channel.failures)
        channel.failures += 1
        channel.trouble = trouble
        if trouble.refused:
            self.token_refused, self._token_due_ms = True, now_ms
        self._news.append(Refused(channel.topic, trouble.sentence))

    def _leave(self, channel: Channel) -> None:
        self._pushes.forget(channel.join_ref)
        self._say(channel, phoenix.LEAVE, {})

    def _say(self, channel: Channel, event: str, payload: dict[str, object]) -> None:
        """Push what needs no answer to a channel, if the server may have it."""
        if channel.join_ref is not None:
            ref = self._pushes.new_ref()
            self._send(channel.join_ref, ref, _REALTIME + channel.topic, event, payload)

    def _send(
        self, join_ref: str | None, ref: str, topic: str, event: str, payload: dict[str, object]
    ) -> None:
        self._outgoing.append(phoenix.encode(join_ref, ref, topic, event, payload))
