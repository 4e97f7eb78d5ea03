"""The protocol's core, on a made clock: what it says, and what it makes of what a server says."""

import pytest

from chatengine.client.supabase import refusals
from chatengine.client.supabase.news import Changed, Gap, Refused, Serving
from tests.chatengine.client.supabase.dialogue import BINDINGS, Dialogue

EXPIRED = refusals.subscription("Token has expired 5 seconds ago")


def test_serving_begins_with_the_subscription() -> None:
    """C-FBK-4: a topic serves once `system` says ok, not on the reply to its join."""
    dialogue = Dialogue()
    dialogue.watch("t")
    join = dialogue.joined()
    dialogue.answers(join)
    assert (dialogue.news(), dialogue.core.serving) == ([], frozenset())
    dialogue.system(join)
    assert dialogue.news() == [Serving("t")]
    assert dialogue.core.serving == {"t"}


def test_the_subscription_before_the_reply() -> None:
    """A `system` ok that overtook the reply counts once the reply is there."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.system(dialogue.joined())
    assert dialogue.news() == []
    dialogue.answers(dialogue.joined())
    assert dialogue.news() == [Serving("t")]


def test_a_second_ok() -> None:
    """C-FBK-4: a server that subscribed again says so, and what came in between is a gap."""
    dialogue = Dialogue()
    dialogue.system(dialogue.serve())
    assert dialogue.news() == [Gap("t")]


def test_another_extensions_ok() -> None:
    """An ok of anything but the database subscription says nothing of it."""
    dialogue = Dialogue()
    dialogue.watch("t")
    join = dialogue.joined()
    dialogue.answers(join)
    payload = {"extension": "system", "status": "ok", "message": "Server requested disconnect"}
    dialogue.says(join[0], None, "t", "system", payload)
    assert dialogue.news() == []


def test_no_subscription_in_time() -> None:
    """A subscription that does not come is given up, left, and asked for anew."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.answers(dialogue.joined())
    dialogue.taken()
    dialogue.after(4_999)
    assert dialogue.events() == []
    dialogue.after(1)
    assert dialogue.events() == ["phx_leave"]
    assert dialogue.news() == [Refused("t", "the database subscription was not there within 5 s")]
    dialogue.after(100)
    assert dialogue.events() == ["phx_join"]


def test_no_reply_in_time() -> None:
    """A join without an answer is given up, left, and asked for anew, ever more slowly."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.after(10_000)
    assert dialogue.events() == ["phx_join", "phx_leave"]
    assert dialogue.news() == [Refused("t", "Supabase did not answer the join within 10 s")]
    dialogue.after(100)
    assert dialogue.events() == ["phx_join"]
    dialogue.after(10_000)
    dialogue.taken()
    dialogue.after(199)
    assert dialogue.events() == []
    dialogue.after(1)
    assert dialogue.events() == ["phx_join"]


def test_a_late_reply() -> None:
    """The answer to a join that was given up means nothing to the next one."""
    dialogue = Dialogue()
    dialogue.watch("t")
    first = dialogue.joined()
    dialogue.after(10_100)
    dialogue.answers(first)
    dialogue.system(first)
    assert Serving("t") not in dialogue.news()
    dialogue.answers(dialogue.joined())
    dialogue.system(dialogue.joined())
    assert dialogue.news() == [Serving("t")]


def test_refused_joins_delay_the_answers_behind_them() -> None:
    """An answer's time counts from the last answer to an earlier push: the server takes turns."""
    dialogue = Dialogue()
    dialogue.watch("a", "b", "c")
    dialogue.after(40)
    joins = {topic: dialogue.joined(topic) for topic in "abc"}
    for topic in "ab":
        dialogue.after(9_000)
        dialogue.answers(joins[topic], {"reason": "no"}, "error")
    dialogue.after(9_000)
    assert [
        each for each in dialogue.news() if "did not answer" in getattr(each, "reason", "")
    ] == []
    dialogue.answers(joins["c"])
    dialogue.system(joins["c"])
    assert dialogue.core.serving == {"c"}


def test_later_answers_excuse_no_silence() -> None:
    """A join that alone goes unanswered is given up, whatever comes for those behind it."""
    dialogue = Dialogue()
    dialogue.watch("a")
    dialogue.after(5_000)
    dialogue.watch("b")
    dialogue.answers(dialogue.joined("b"))
    dialogue.system(dialogue.joined("b"))
    dialogue.after(5_000)
    assert dialogue.news() == [
        Serving("b"),
        Refused("a", "Supabase did not answer the join within 10 s"),
    ]


def test_a_refused_join() -> None:
    """A refused join says why, asks for a fresh token, and is tried again slowly, for ever."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.answers(dialogue.joined(), {"reason": "InvalidJWTToken: Token expired"}, "error")
    assert dialogue.news() == [
        Refused("t", refusals.join("InvalidJWTToken: Token expired")),
    ]
    assert [each.refused for each in dialogue.core.troubles] == [True]
    dialogue.taken()
    dialogue.after(60_000)
    assert "phx_join" not in dialogue.events()
    assert dialogue.core.wants_token(dialogue.now)
    dialogue.core.renewed("fresh")
    dialogue.after(0)
    assert dialogue.joined()[4]["access_token"] == "fresh"
    dialogue.answers(dialogue.joined(), {"reason": "no"}, "error")
    dialogue.core.renewed("fresh")
    dialogue.taken()
    dialogue.after(1_999)
    assert dialogue.events() == []
    dialogue.after(1)
    assert dialogue.events() == ["phx_join"]


def test_a_mismatch() -> None:
    """An answer with other bindings is a refusal: the channel is left, and tried again."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.answers(dialogue.joined(), {"postgres_changes": []})
    dialogue.core.renewed("token")
    dialogue.after(1_000)
    assert dialogue.events() == ["phx_join", "phx_leave", "phx_join"]
    assert dialogue.news() == [Refused("t", refusals.MISMATCH)]


def test_a_malformed_reply() -> None:
    """A reply that cannot be read is counted, and the join stays unanswered."""
    dialogue = Dialogue()
    dialogue.watch("t")
    join = dialogue.joined()
    dialogue.says(join[0], join[1], "t", "phx_reply", None)
    assert dialogue.core.malformed == 1
    dialogue.after(10_000)
    assert dialogue.events() == ["phx_join", "phx_leave"]


def test_a_subscription_that_fails() -> None:
    """A `system` error is a refusal; the server may still mend it, else it is joined anew."""
    dialogue = Dialogue()
    join = dialogue.serve()
    dialogue.system(join, "error", "Unable to subscribe to changes")
    why = refusals.subscription("Unable to subscribe to changes")
    assert dialogue.news() == [Refused("t", why)]
    dialogue.system(join, "error", "again")
    assert dialogue.news() == []
    dialogue.system(join)
    assert (dialogue.news(), dialogue.core.troubles) == ([Serving("t")], [])
    dialogue.system(join, "error", "for good")
    dialogue.core.renewed("token")
    dialogue.after(1_000)
    assert dialogue.events() == ["phx_leave", "phx_join"]


def test_expiry() -> None:
    """An expired token is answered with a fresh one and a join, soon."""
    dialogue = Dialogue()
    join = dialogue.serve()
    dialogue.expires(join)
    assert dialogue.news() == [Refused("t", EXPIRED)]
    assert dialogue.core.wants_token(dialogue.now)
    dialogue.core.renewed("fresh")
    dialogue.after(200)
    assert [frame[4]["access_token"] for frame in dialogue.taken()] == ["fresh"]


def test_a_token_that_cannot_be_had() -> None:
    """Without a fresh token nothing is joined, and it is asked for once a second."""
    dialogue = Dialogue()
    dialogue.expires(dialogue.serve())
    for _ in range(3):
        dialogue.core.renewal_failed(dialogue.now)
        dialogue.after(999)
        assert not dialogue.core.wants_token(dialogue.now)
        dialogue.after(1)
        assert dialogue.core.wants_token(dialogue.now)
    assert dialogue.events() == []


def test_a_renewed_token() -> None:
    """A new token is pushed to each joined channel, the same one to none."""
    dialogue = Dialogue()
    joins = {topic: dialogue.serve(topic) for topic in ("a", "b")}
    dialogue.after(25_000)
    assert dialogue.core.wants_token(dialogue.now)
    dialogue.taken()
    dialogue.core.renewed("token")
    dialogue.after(0)
    assert dialogue.taken() == []
    dialogue.core.renewed("fresh")
    dialogue.after(0)
    assert [(frame[0], *frame[2:]) for frame in dialogue.taken()] == [
        (join[0], f"realtime:{topic}", "access_token", {"access_token": "fresh"})
        for topic, join in joins.items()
    ]


def test_a_broken_channel() -> None:
    """phx_error and phx_close: the channel is joined again, the first time after a moment."""
    for event, why in (
        ("phx_error", "the channel broke at Supabase"),
        ("phx_close", "Supabase closed the channel"),
    ):
        dialogue = Dialogue()
        join = dialogue.serve()
        dialogue.says(join[0], join[0], "t", event, None)
        assert dialogue.news() == [Refused("t", why)]
        dialogue.after(100)
        assert dialogue.events() == ["phx_join"]


def test_a_stale_close() -> None:
    """The close of an earlier join comes after the answer to the next one, and means nothing."""
    dialogue = Dialogue()
    first = dialogue.serve()
    dialogue.says(first[0], first[0], "t", "phx_error", {})
    dialogue.after(100)
    second = dialogue.joined()
    dialogue.answers(second)
    dialogue.closes(first)
    dialogue.system(second)
    assert dialogue.core.serving == {"t"}


def test_a_join_that_breaks_before_its_reply() -> None:
    """The late answer to a join that broke means nothing to the next one."""
    dialogue = Dialogue()
    dialogue.watch("t")
    first = dialogue.joined()
    dialogue.says(first[0], first[0], "t", "phx_error", {})
    dialogue.after(100)
    dialogue.answers(first, {"reason": "no"}, "error")
    dialogue.news()
    dialogue.answers(dialogue.joined())
    dialogue.system(dialogue.joined())
    assert dialogue.news() == [Serving("t")]
    dialogue.after(10_000)
    assert dialogue.core.serving == {"t"}


def test_unwatching() -> None:
    """C-FBK-8: leaving says so and forgets: whatever comes for the topic means nothing."""
    dialogue = Dialogue()
    join = dialogue.serve()
    dialogue.core.unwatch("t")
    dialogue.after(0)
    assert [(frame[0], frame[2], frame[3]) for frame in dialogue.taken()] == [
        (join[0], "realtime:t", "phx_leave")
    ]
    dialogue.changes()
    dialogue.system(join)
    dialogue.closes(join)
    dialogue.after(20_000)
    assert (dialogue.news(), dialogue.events(), dialogue.core.wanted) == ([], [], False)


def test_unwatching_during_a_join() -> None:
    """C-FBK-8: a join under way is left as well, and its answer means nothing."""
    dialogue = Dialogue()
    dialogue.watch("t")
    join = dialogue.joined()
    dialogue.core.unwatch("t")
    dialogue.after(0)
    dialogue.answers(join)
    dialogue.system(join)
    dialogue.after(20_000)
    assert dialogue.events() == ["phx_join", "phx_leave"]
    assert dialogue.news() == []


@pytest.mark.parametrize("status", ["error", None])
def test_unwatching_a_join_that_fails(status: str | None) -> None:
    """C-FBK-8: nobody hears of a join that failed after its topic was left."""
    dialogue = Dialogue()
    dialogue.watch("t")
    join = dialogue.joined()
    dialogue.core.unwatch("t")
    if status is not None:
        dialogue.answers(join, {"reason": "no"}, status)
    dialogue.after(20_000)
    assert dialogue.news() == []
    assert dialogue.events() == ["phx_join", "phx_leave"]


def test_unwatching_before_the_join() -> None:
    """A topic that was never asked for is not left either."""
    dialogue = Dialogue(connected=False)
    dialogue.core.watch("t", BINDINGS)
    dialogue.core.unwatch("t")
    dialogue.core.opened("token", dialogue.now)
    dialogue.after(0)
    assert dialogue.events() == []


def test_watching_again() -> None:
    """Watching what is watched does nothing; with other bindings it is joined anew."""
    dialogue = Dialogue()
    dialogue.serve()
    dialogue.watch("t")
    assert dialogue.events() == []
    dialogue.core.watch("t", BINDINGS[:1])
    dialogue.after(20)
    assert dialogue.events() == ["phx_leave", "phx_join"]


def test_pace() -> None:
    """Joins are spaced: a hundred topics stay under a hundred joins a second."""
    dialogue = Dialogue()
    dialogue.watch(*(str(number) for number in range(100)))
    assert dialogue.events() == ["phx_join"]
    dialogue.after(1_000)
    assert dialogue.events() == ["phx_join"] * 50


def test_heartbeats() -> None:
    """A heartbeat goes out every 25 s; an answered one means nothing."""
    dialogue = Dialogue()
    dialogue.after(25_000)
    (heartbeat,) = dialogue.taken()
    assert (heartbeat[0], *heartbeat[2:]) == (None, "phoenix", "heartbeat", {})
    reply = f'[null,"{heartbeat[1]}","phoenix","phx_reply",{{"status":"ok","response":{{}}}}]'
    dialogue.says_raw(reply.encode())
    dialogue.after(20_000)
    assert (dialogue.events(), dialogue.core.unanswered) == ([], False)


def test_an_unanswered_heartbeat() -> None:
    """One heartbeat without an answer is a dead connection, whatever else comes."""
    dialogue = Dialogue()
    dialogue.serve()
    dialogue.after(34_999 - dialogue.now)
    dialogue.changes()
    assert not dialogue.core.unanswered
    dialogue.after(1)
    assert dialogue.core.unanswered


def test_a_lost_connection() -> None:
    """C-FBK-8: after a loss every topic is joined once on the next connection."""
    dialogue = Dialogue()
    dialogue.serve("a")
    dialogue.watch("b")
    dialogue.taken()
    dialogue.core.closed()
    dialogue.after(60_000)
    assert (dialogue.events(), dialogue.core.serving) == ([], frozenset())
    dialogue.core.opened("token", dialogue.now)
    dialogue.after(1_000)
    assert [frame[2:4] for frame in dialogue.taken()] == [
        ("realtime:a", "phx_join"),
        ("realtime:b", "phx_join"),
    ]


def test_nothing_outlives_its_connection() -> None:
    """C-FBK-8: what was to be sent or answered on one connection means nothing to the next."""
    dialogue = Dialogue()
    dialogue.serve()
    dialogue.after(30_000)
    dialogue.core.unwatch("t")
    dialogue.core.closed()
    dialogue.taken()
    dialogue.core.opened("token", dialogue.now)
    dialogue.after(10_000)
    assert (dialogue.events(), dialogue.core.unanswered) == ([], False)


def test_a_refusal_outlives_its_connection() -> None:
    """What was refused keeps its distance on the next connection."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.answers(dialogue.joined(), {"reason": "no"}, "error")
    dialogue.taken()
    dialogue.core.closed()
    dialogue.core.opened("token", dialogue.now)
    dialogue.after(999)
    assert dialogue.events() == []
    dialogue.after(1)
    assert dialogue.events() == ["phx_join"]


def test_rows() -> None:
    """A row is passed on if one of its ids, its table and its kind were asked for."""
    dialogue = Dialogue()
    dialogue.serve()
    dialogue.changes(ids=[7, 0])
    dialogue.changes(ids=[1], type="UPDATE", record={"id": "u"})
    dialogue.changes(ids=[7])
    dialogue.changes(ids=[1], type="INSERT")
    dialogue.changes(type="DELETE")
    dialogue.changes(table="conversations")
    dialogue.changes("another")
    assert dialogue.news() == [
        Changed("messages", "INSERT", {"id": "r"}),
        Changed("messages", "UPDATE", {"id": "u"}),
    ]
    assert dialogue.core.malformed == 0


def test_rows_before_the_subscription_is_announced() -> None:
    """What comes after the reply is welcome, even before `system`."""
    dialogue = Dialogue()
    dialogue.watch("t")
    dialogue.answers(dialogue.joined())
    dialogue.changes()
    assert dialogue.news() == [Changed("messages", "INSERT", {"id": "r"})]


def test_a_row_that_was_too_large() -> None:
    """C-FBK-4: of a row whose fields were left out, the whole is to be fetched."""
    dialogue = Dialogue()
    dialogue.serve()
    dialogue.changes(errors=["Error 413: Payload Too Large"])
    assert dialogue.news() == [Gap("t")]


def test_rows_without_the_right_to_read() -> None:
    """Error 401 in place of a row is a refusal, said once."""
    dialogue = Dialogue()
    dialogue.serve()
    for _ in range(3):
        dialogue.changes(errors=["Error 401: Unauthorized"], record={})
    assert dialogue.news() == [Refused("t", refusals.subscription("Error 401: Unauthorized"))]


def test_malformed_frames() -> None:
    """C-MSG-7: what is no frame is dropped and counted, and the next one is handled."""
    dialogue = Dialogue()
    dialogue.serve()
    for data in (b"", b"null", b"[1]", b"\xff", b"[" * 100_000):
        dialogue.says_raw(data)
    dialogue.says(None, None, "t", "postgres_changes", None)
    dialogue.says(None, None, "t", "system", None)
    dialogue.changes(record=None)
    assert dialogue.core.malformed == 8
    dialogue.changes()
    assert dialogue.news() == [Changed("messages", "INSERT", {"id": "r"})]


def test_events_that_are_not_known() -> None:
    """Unknown events, topics and references are passed over."""
    dialogue = Dialogue()
    join = dialogue.serve()
    dialogue.says(join[0], None, "t", "presence_state", {})
    dialogue.says(None, None, "t", "broadcast", None)
    dialogue.says(None, None, "t", "no such event", [1])
    dialogue.says(None, "999", "t", "phx_reply", {"status": "ok"})
    dialogue.says(None, None, "never heard of", "phx_close", None)
    assert (dialogue.news(), dialogue.core.malformed) == ([], 0)
    assert dialogue.core.serving == {"t"}
