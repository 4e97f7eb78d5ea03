"""The view in a terminal: a thin shell of Textual around the pieces, which draw everything."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from harness.watch import pieces, talk
from harness.watch.lines import Line
from harness.watch.picture import View
from harness.watch.watcher import Watcher

__all__ = ["Display", "Pane"]

_LOOK_EVERY_S: Final = 0.1
"""How often the screen takes up what changed: a burst of a thousand messages is drawn ten times
a second, and the eye takes no delay below that for one."""

_TYPING_FOR_MS: Final = 3000
"""How long after the last key the user counts as typing, as in WhatsApp; the others forget it
after 5 s (C-TYP-2)."""

_NO_CONTROLS: Final = r"[^\x00-\x1f\x7f-\x9f]*"
_MOST_TYPED: Final = 65_536

Draw = Callable[[int, int], list[Line]]


class Pane(Widget):
    """Draws the lines that a function makes for its size."""

    def __init__(self, draw: Draw, name: str) -> None:
        super().__init__(id=name)
        self._draw = draw
        self._lines: list[Line] | None = None

    def redraw(self) -> None:
        """Have the lines made anew."""
        self._lines = None
        self.refresh()

    def on_resize(self) -> None:
        """Find room for other lines."""
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """The line at height `y`, in exactly the pane's width."""
        if self._lines is None:
            self._lines = self._draw(self.size.width, self.size.height)
        line = self._lines[y] if y < len(self._lines) else [Segment(" " * self.size.width)]
        return Strip(line).adjust_cell_length(self.size.width)


class _Written(Message):
    """The user has pressed Enter behind `text`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Line(Input):
    """Takes Enter as it takes letters, in their order: a binding of it would come too late."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "enter":
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        text, self.value = self.value, ""
        self.post_message(_Written(text))


class Display(App[None]):
    """The CRM in a terminal: the conversations, the open one's messages, the connection."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #status { height: 2; }
    #title, #typing, #help { height: 1; }
    #list { width: 34%; min-width: 22; max-width: 48; border-right: solid ansi_blue; }
    #talk { width: 1fr; }
    #messages { height: 1fr; }
    #journal { height: 20%; min-height: 5; max-height: 12; border-top: solid ansi_blue; }
    Input { height: 1; border: none; padding: 0 1; background: ansi_default; }
    Screen.narrow #list { display: none; }
    Screen.narrow.choosing #list { display: block; width: 100%; max-width: 100%; border: none; }
    Screen.narrow.choosing #talk { display: none; }
    """
    # They come through the input, which leaves them alone, so that keys pressed fast keep their
    # order. Enter is the input's own, but where a narrow screen hides that.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)"),
        Binding("down", "choose(1)"),
        Binding("pageup", "read_back(1)"),
        Binding("pagedown", "read_back(-1)"),
        Binding("enter", "open"),
        Binding("escape", "leave"),
        Binding("ctrl+c,ctrl+q", "quit", priority=True),
    ]

    def __init__(self, watcher: Watcher, opened: str | None) -> None:
        super().__init__(ansi_color=True)  # the terminal's own colours, light or dark
        self.HORIZONTAL_BREAKPOINTS = [(0, "narrow"), (60, "wide")]
        self.theme = "ansi-dark"
        self._watcher = watcher
        self._view = View.begin(watcher.now_ms(), opened)
        self._picture = watcher.look(opened)
        self._typing_until = 0
        self._typing_in: str | None = None
        self._drawn_second = 0

    def compose(self) -> ComposeResult:
        """Lay out the panes."""
        yield Pane(lambda w, h: pieces.status_lines(self._picture, w, None), "status")
        with Horizontal():
            yield Pane(self._conversations, "list")
            with Vertical(id="talk"):
                yield Pane(lambda w, h: [pieces.title_line(self._view, self._picture, w)], "title")
                yield Pane(self._messages, "messages")
                yield Pane(lambda w, h: [pieces.typing_line(self._picture, w)], "typing")
                yield _Line(
                    placeholder="Write to the customer",
                    restrict=_NO_CONTROLS,
                    max_length=_MOST_TYPED,
                    select_on_focus=False,
                )
        yield Pane(lambda w, h: pieces.journal_lines(self._picture, w, h, None), "journal")
        yield Pane(lambda w, h: [pieces.help_line(w)], "help")

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(_Line).focus()
        self._show()
        self.set_interval(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        now_ms = self._watcher.now_ms()
        if self._typing_in is not None and now_ms >= self._typing_until:
            self._typed_nothing()
        if self._watcher.changed.is_set() or now_ms // 1000 != self._drawn_second:
            self._show()

    def _show(self) -> None:
        """Draw what there is to see now."""
        before, self._picture = self._picture, self._watcher.look(self._view.opened)
        if self._view.back and before.messages:
            # Who reads back is left in peace: what comes in below moves nothing.
            width = self.query_one("#messages").size.width
            more = talk.lines_since(self._picture, before.messages[0], width)
            self._view = self._view.reading(self._view.back + more)
        self._drawn_second = self._picture.now_ms // 1000
        self._view = self._view.looking(self._picture.conversations)
        self.screen.set_class(self._view.opened is None, "choosing")
        for pane in self.query(Pane):
            pane.redraw()

    def _conversations(self, width: int, height: int) -> list[Line]:
        return pieces.conversation_lines(self._picture, self._view, width, height, None)

    def _messages(self, width: int, height: int) -> list[Line]:
        return talk.message_lines(self._picture, self._view, width, height, None)

    def action_choose(self, by: int) -> None:
        """Move the bar."""
        self._view = self._view.moved(self._picture.conversations, by)
        self._show()

    def action_read_back(self, pages: int) -> None:
        """Read further back, or forth again."""
        width, height = self.query_one("#messages").size
        wanted = max(0, self._view.back + pages * max(1, height - 1))
        back = talk.lines_back(self._picture, wanted, width, height)
        self._view = self._view.reading(back)
        self._show()

    def action_open(self) -> None:
        """Open what the bar stands on."""
        self._open(self._view.selected)

    @on(_Written)
    def _send_or_open(self, written: _Written) -> None:
        """Send what was written, or with nothing written open what the bar stands on."""
        opened, line = self._view.opened, self.query_one(_Line)
        if opened is not None and written.text.strip():
            self._typed_nothing()
            self._watcher.send(opened, written.text)
            self._view = self._view.opening(opened)
            self._show()
        else:
            line.value = written.text + line.value
            self._open(self._view.selected)

    def action_leave(self) -> None:
        """Leave the open conversation."""
        self._open(None)

    def _open(self, conversation_id: str | None) -> None:
        self._typed_nothing()
        before = self._view.opened
        if conversation_id != before:
            if before is not None:
                self._watcher.close(before)
            if conversation_id is not None:
                self._watcher.open(conversation_id)
            self._view = self._view.opening(conversation_id)
        self._show()
        self.query_one(_Line).focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Tell the others that the user writes, once for as long as he does."""
        opened = self._view.opened
        if not changed.value or opened is None:
            self._typed_nothing()
            return
        self._typing_until = self._watcher.now_ms() + _TYPING_FOR_MS
        if self._typing_in is None:
            self._typing_in = opened
            self._watcher.typing(opened, True)

    def _typed_nothing(self) -> None:
        if self._typing_in is not None:
            self._watcher.typing(self._typing_in, False)
            self._typing_in = None

    def on_resize(self, _: events.Resize) -> None:
        """Other lines find room now."""
        self._show()
