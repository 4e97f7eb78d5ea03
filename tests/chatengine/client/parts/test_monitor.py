"""The monitor by itself, with clocks in the test's hand."""

from __future__ import annotations

from chatengine.client.monitoring import Alert, Monitor, Reconnect


class Clock:
    """Seconds since the epoch, which a test moves on; the monotonic clock runs alongside."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


def monitor(clock: Clock, alerts: list[Alert]) -> Monitor:
    return Monitor(alerts.append, clock=clock, monotonic=clock)


def test_quantiles_are_of_what_was_measured() -> None:
    """Exact ones, of the newest 10,000; what lies in the future is not among them."""
    clock = Clock()
    watched = monitor(clock, [])
    now_ms = int(clock.now * 1000)
    assert watched.latency_ms(0.5) is None
    for latency_ms in range(1, 101):
        watched.delivered(now_ms - latency_ms)
    watched.delivered(now_ms + 1)
    assert (watched.latency_ms(0), watched.latency_ms(0.5)) == (1, 51)
    assert (watched.latency_ms(0.99), watched.latency_ms(1)) == (100, 100)
    assert watched.to_snapshot()["latencyMs"] == {"count": 100, "p50": 51, "p99": 100}
    for _ in range(10_000):
        watched.delivered(now_ms - 7)
    assert watched.latency_ms(1) == 7
    assert watched.to_snapshot()["latencyMs"]["count"] == 10_100


def test_a_first_connection_is_no_reconnect() -> None:
    """Only what was connected before can be connected again; of a loss the first cause counts."""
    clock = Clock()
    watched = monitor(clock, [])
    watched.down("not connected yet")
    clock.now += 1
    assert watched.up() is False
    assert watched.down("the cable") is True
    clock.now += 2.5
    assert watched.down("still no answer") is False
    assert watched.up() is True
    assert watched.reconnects == (Reconnect(int(clock.now * 1000), "the cable", 2500),)
    watched.rest()
    watched.down("not connected yet")
    assert watched.up() is False


def test_the_log_of_reconnects_is_bounded() -> None:
    """A night of flapping keeps the newest 200."""
    watched = monitor(Clock(), [])
    watched.up()
    for number in range(300):
        watched.down(f"loss {number}")
        watched.up()
    assert [each.cause for each in watched.reconnects] == [f"loss {n}" for n in range(100, 300)]


def test_an_alert_is_raised_once_and_ends_once() -> None:
    """Not while connected, not twice for one loss; a stop ends it too."""
    clock, alerts = Clock(), list[Alert]()
    watched = monitor(clock, alerts)
    watched.up()
    watched.overdue()
    assert alerts == []
    watched.down("the cable")
    clock.now += 30
    watched.overdue()
    watched.overdue()
    assert alerts == [Alert(True, "the cable", 30_000)]
    watched.rest()
    watched.rest()
    assert [each.raised for each in alerts] == [True, False]
    assert watched.alert is False


def test_two_monitors_of_one_process_do_not_meet() -> None:
    """Each has its own registry: what one counts, the other does not show."""
    one, other = monitor(Clock(), []), monitor(Clock(), [])
    one.up()
    assert b"chatengine_client_connected 1.0" in one.exposition()
    assert b"chatengine_client_connected 0.0" in other.exposition()
