"""What Postgres says when it refuses: an SQLSTATE and a sentence."""

__all__ = ["DatabaseError"]


class DatabaseError(Exception):
    """A statement that Postgres refuses: `code` is the SQLSTATE, as PostgREST passes it on."""

    def __init__(
        self, code: str, message: str, *, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint

    def __str__(self) -> str:
        return self.message
