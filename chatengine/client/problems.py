"""What asking ChatEngine or Supabase can end with, instead of what was asked for."""

from __future__ import annotations

__all__ = ["AnswerTooLong", "HttpProblem", "NotSubscribed", "Problem"]


class Problem(Exception):
    """What was asked for cannot be had now, in a sentence.

    It is fit for a user: it says what to do where something can be done, and holds no key and no
    token.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class NotSubscribed(Problem):
    """ChatEngine said no to a subscription."""


class HttpProblem(Problem):
    """A call that failed, with the answer's status; None where there was none."""

    def __init__(self, status: int | None, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class AnswerTooLong(HttpProblem):
    """There was an answer, but of more bytes than are read: ask for less at a time."""
