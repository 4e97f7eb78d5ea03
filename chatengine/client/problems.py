"""What an HTTP call to ChatEngine or Supabase can end with, instead of an answer."""

from __future__ import annotations

__all__ = ["AnswerTooLong", "HttpProblem"]


class HttpProblem(Exception):
    """A call that failed: the answer's status (None where there was none) and a sentence.

    The sentence is fit for a user: it says what to do where something can be done, and holds
    no key and no token.
    """

    def __init__(self, status: int | None, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class AnswerTooLong(HttpProblem):
    """There was an answer, but of more bytes than are read: ask for less at a time."""
