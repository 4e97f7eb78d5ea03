"""The screen as a user has it: keys in, what stands there out, on the running fakes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace

from chatengine import events
from chatengine.client import (
    ChatEngineConfig,
    ClientConfig,
    CrmClient,
    SupabaseConfig,
    Timing,
    TokenConfig,
)
from fakes.control import ControlClient
from fakes.evolution.bodies import Contact, Content
from fakes.together import RunningFakes, running_fakes
from harness.watch.screen import Display, Pane
from harness.watch.watcher import Watcher
from tests.fakes.chatengine.world import SETTINGS as CHATENGINE
from tests.fakes.chatengine.world import Crm, token
from tests.harness.watch.test_demo import SECRET, SETTINGS
from tests.harness.watch.test_text import obeyed
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.pilot import Pilot

MARIA = Contact("5511990000001@s.whatsapp.net", "Maria")
JOAO = Contact("5511990000002@s.whatsapp.net", "João")
TIMING = Timing(reconnect_delay_ms=20, reconnect_delay_max_ms=100, fallback_after_ms=50)


class Desk:
    """A user before his screen."""

    def __init__(self, fakes: RunningFakes, screen: Display, pilot: Pilot[None]) -> None:
        self.fakes = fakes
        self.screen = screen
        self.pilot = pilot

    def shows(self, name: str = "") -> str:
        """What stands in a pane, or on all of the screen."""
        panes = [each for each in self.screen.query(Pane) if name in ("", each.id) and each.display]
        return "\n".join(
            pane.render_line(y).text.rstrip() for pane in panes for y in range(pane.size.height)
        )

    async def sees(self, text: str, name: str = "") -> None:
        """Wait until it stands there."""
        try:
            await until(lambda: text in self.shows(name))
        except AssertionError:
            raise AssertionError(f"{text!r} is not in\n{self.shows()}") from None

    async def writes(self, contact: Contact, text: str) -> None:
        """A customer writes."""
        await self.fakes.evolution.provider.customer_writes("sales-1", contact, Content(text=text))

    async def types(self, text: str) -> None:
        await self.pilot.press(*text)


@asynccontextmanager
async def desk(size: tuple[int, int] = (100, 30), opened: str | None = None) -> AsyncIterator[Desk]:
    async with running_fakes(SETTINGS) as fakes:
        assert fakes.supabase is not None
        config = ClientConfig(
            workspace_id="w-1",
            user_id="agent-1",
            chatengine=ChatEngineConfig(url=fakes.url_of("chatengine")),
            supabase=SupabaseConfig(
                url=fakes.url_of("supabase"), anon_key=fakes.supabase.anon_keys["w-1"]
            ),
            token=TokenConfig(secret=SECRET),
            timing=TIMING,
        )
        async with CrmClient(config) as client:
            watcher = Watcher(client, config)
            if opened is not None:
                watcher.open(opened)
            screen = Display(watcher, opened)
            async with screen.run_test(size=size) as pilot:
                here = Desk(fakes, screen, pilot)
                await here.sees("● WebSocket", "status")
                yield here


@asynccontextmanager
async def colleague(fakes: RunningFakes) -> AsyncIterator[Crm]:
    """Another agent who has Maria's conversation open."""
    async with ClientSession() as session:
        crm = Crm(session, ControlClient(session, fakes.chatengine.control))
        its = replace(CHATENGINE, secret=SECRET)
        auth = {"token": token(its, user="agent-2"), "workspaceId": "w-1"}
        await crm.connect(fakes.chatengine.url, auth)
        await crm.subscribe(MARIA.jid)
        yield crm
        await crm.client.disconnect()


async def test_a_conversation_is_chosen_read_and_answered() -> None:
    """New ones have a mark; Enter opens the chosen one and sends what is written; Esc leaves."""
    async with desk() as here:
        await here.writes(MARIA, "Olá, tudo bem?")
        await here.sees("● Maria", "list")
        await here.writes(JOAO, "Bom dia!")
        await here.sees("● João", "list")
        await choose(here, "Maria")
        await here.sees("▏Olá, tudo bem?", "messages")
        await here.sees("▸ Maria", "list")
        await here.types("Tudo, e você?")
        await here.pilot.press("enter")
        await here.sees("▏Tudo, e você?", "messages")
        await here.sees("✓✓", "messages")
        await here.pilot.press("escape")
        await here.sees("press Enter", "messages")
        await here.sees("  Maria", "list")


async def choose(here: Desk, name: str) -> None:
    """Move the bar to a conversation, and open it."""
    names = [line.split()[1] for line in here.shows("list").splitlines() if line.startswith("●")]
    await here.pilot.press(*["down"] * (names.index(name) + 1), "enter")


async def test_typing_goes_both_ways() -> None:
    """Others see that the user writes, once, and its end; he sees who else does."""
    async with desk(opened=MARIA.jid) as here, colleague(here.fakes) as other:
        await here.sees("No message yet", "messages")
        await here.types("Olá")
        typing = {"conversationId": MARIA.jid, "userId": "agent-1"}
        assert await other.get(events.TYPING) == [typing | {"isTyping": True}]
        await here.pilot.press("enter")
        assert (await other.get(events.TYPING, 2))[1] == typing | {"isTyping": False}
        await other.client.emit(events.TYPING, {"conversationId": MARIA.jid, "isTyping": True})
        await here.sees("agent-2 is typing", "typing")


async def test_what_breaks_is_told_while_it_happens() -> None:
    """The source, the journal and the messages of the gap, while ChatEngine is away and after."""
    async with desk(opened=MARIA.jid) as here:
        proxy = here.fakes.proxies["chatengine"]
        proxy.refuse()
        proxy.cut_all()
        await here.sees("◐ Supabase · socket connecting", "status")
        await here.sees("Connection lost after", "journal")
        await here.writes(MARIA, "Alguém aí?")
        await here.sees("▏Alguém aí?", "messages")
        proxy.heal()
        await here.sees("● WebSocket", "status")
        await here.sees("Connected again after", "journal")
        await here.sees("1 reconnect", "status")
        assert here.shows("messages").count("Alguém aí?") == 1


async def test_a_hostile_message_is_letters() -> None:
    """What a customer writes moves no cursor and opens no link, wherever it is shown."""
    nasty = Contact(MARIA.jid, "\x1b]0;owned\x07[red]Eve[/red]")
    async with desk(opened=MARIA.jid) as here:
        await here.writes(nasty, "\x1b[2J[bold]hi[/bold] [@click=app.quit]x[/] \u202e\x9b1m")
        await here.sees("▏␛[2J[bold]hi[/bold] [@click=app.quit]x[/]", "messages")
        await here.sees("␛]0;owned␇[red]Eve[/red]", "list")
        assert obeyed(here.shows()) == {"\n"}


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (59, 20), (30, 10), (8, 4), (1, 1)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    """Wide, narrow or absurd, also while the terminal is resized: no line leaves its pane."""
    async with desk() as here:
        await here.writes(MARIA, "日本語 👨‍👩‍👧 " * 20)
        await here.sees("● Maria", "list")
        await here.pilot.resize_terminal(*size)
        await here.pilot.press("down", "enter", "pageup", "pagedown")
        await here.pilot.pause()
        for pane in here.screen.query(Pane):
            lines = [pane.render_line(y) for y in range(pane.size.height)]
            assert {line.cell_length for line in lines} <= {pane.size.width}
        assert here.screen.is_running


async def test_a_narrow_screen_shows_one_thing_at_a_time() -> None:
    """Below 60 columns the list gives way to the open conversation, and comes back."""
    async with desk(size=(50, 20)) as here:
        await here.writes(MARIA, "Olá!")
        await here.sees("● Maria", "list")
        assert not here.screen.query_one("#talk").display
        await here.pilot.press("down", "enter")
        await here.sees("▏Olá!", "messages")
        assert not here.screen.query_one("#list").display
        await here.pilot.press("escape")
        await here.sees("  Maria", "list")


async def test_reading_back_and_the_way_to_the_end() -> None:
    """PgUp shows what is older and says how far back one is; PgDn returns to the newest."""
    async with desk(opened=MARIA.jid) as here:
        for number in range(40):
            await here.writes(MARIA, f"linha {number}.")
        await here.sees("linha 39.", "messages")
        await here.pilot.press("pageup")
        await here.sees("lines back", "title")
        assert "linha 39." not in here.shows("messages")
        before = here.shows("messages")
        await here.writes(MARIA, "linha 40.")
        await here.sees("linha 40.", "list")
        assert here.shows("messages") == before
        await here.pilot.press("pagedown", "pagedown")
        await here.sees("linha 40.", "messages")
        assert "lines back" not in here.shows("title")


async def test_ctrl_q_ends_it() -> None:
    """The application ends by itself and returns nothing."""
    async with desk() as here:
        await here.pilot.press("ctrl+q")
        await until(lambda: not here.screen.is_running)
        assert here.screen.return_code == 0
