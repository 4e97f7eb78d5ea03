"""What the sections found, taken together: one verdict, and one document."""

from typing import Any

from msgspec import Struct, to_builtins

from benchmarks.figures import Goal
from benchmarks.section import Outcome

__all__ = ["COULD_NOT_RUN", "FAILED", "Results"]

FAILED = 1
COULD_NOT_RUN = 3


class Results(Struct):
    """By section: its outcome, or the sentence that says why it could not run."""

    outcomes: dict[str, Outcome] = {}
    could_not_run: dict[str, str] = {}

    @property
    def goals(self) -> list[Goal]:
        """Those of all sections, in order."""
        return [goal for outcome in self.outcomes.values() for goal in outcome.goals]

    @property
    def exit_code(self) -> int:
        """Nothing is good because it did not run."""
        if self.could_not_run:
            return COULD_NOT_RUN
        return 0 if all(goal.ok for goal in self.goals) else FAILED

    def document(self, environment: dict[str, Any]) -> dict[str, Any]:
        """What `bench.json` holds."""
        document: dict[str, Any] = {}
        for outcome in self.outcomes.values():
            document |= outcome.record
        document["goals"] = [
            {"section": section, **to_builtins(goal), "ok": goal.ok}
            for section, outcome in self.outcomes.items()
            for goal in outcome.goals
        ]
        document["ok"] = self.exit_code == 0
        document["could_not_run"] = self.could_not_run
        document["environment"] = environment
        return document
