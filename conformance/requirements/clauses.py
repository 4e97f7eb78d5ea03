"""What one requirement is: a clause of the contract with what a run has to know about it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Level", "Requirement", "Side"]

Level = Literal["MUST", "SHOULD"]
Side = Literal["server", "client"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One clause of the contract.

    `needs` are the capabilities without which it asks nothing of a target: a client's are those
    of the adapter protocol, a server's those named in `server.py`. A target may be found "not
    applicable" for want of one of them and for no other reason. `why_not` says why nothing can
    show the requirement; None where a check has to.
    """

    id: str
    clause: str
    level: Level = "MUST"
    needs: tuple[str, ...] = ()
    why_not: str | None = None

    @property
    def side(self) -> Side:
        """Whose duty it is: C- a CRM client's (section 7), S- a ChatEngine server's (section 8)."""
        return "client" if self.id.startswith("C-") else "server"

    @property
    def group(self) -> str:
        """What it shares with its neighbours: `C-FBK` of `C-FBK-4`."""
        return self.id.rpartition("-")[0]
