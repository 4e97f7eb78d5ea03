"""Foreign text made harmless, and the command that runs one requirement alone."""

import shlex
import unicodedata

from conformance.requirements import Requirement
from conformance.settings import Settings

__all__ = ["alone", "cut", "printable"]


def printable(text: str) -> str:
    """`text` with everything spelled out that would act instead of show.

    Control characters, format characters that reorder text, line separators and lone surrogates:
    none may reach a terminal or a page from the wire. Line feeds are kept.
    """
    return "".join(map(_visible, text))


def cut(text: str, length: int) -> str:
    """`text`, of which at most `length` characters are kept."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def alone(one: Requirement, settings: Settings, replay: str | None = None) -> str:
    """The command that runs what shows a requirement, and nothing else, on the same target."""
    words = ["chatengine-harness", "conform", one.side]
    given = {
        "--server-url": settings.server.url,
        "--server-cmd": settings.server.command,
        "--client-cmd": settings.client.command,
    }
    for option, value in given.items():
        if value and option.startswith(f"--{one.side}"):
            words += [option, settings.targets[one.side]]
    what = ["--only", one.id] if replay is None else ["--replay", replay]
    return shlex.join([*words, *what, "--seed", str(settings.seed)])


def _visible(character: str) -> str:
    if character in " \n" or unicodedata.category(character)[0] not in "CZ":
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode()
