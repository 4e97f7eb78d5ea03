"""The faults of the REST interface that a test has switched on; none by itself."""

from http import HTTPStatus
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fakes.supabase.rest.calls import Answer, refusal
from fakes.supabase.rest.errors import bad_token_claim, no_schema_cache

__all__ = ["LONGEST_DELAY_MS", "RestFault", "RestFaults"]

LONGEST_DELAY_MS: Final = 600_000


class RestFault(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What happens to the next `count` requests (None: to all until cleared).

    First they wait `delay_ms`. Then the connection is cut without an answer (`abort`), or they are
    answered with `status` and not carried out, or, with neither, they are answered as ever. With
    `after` they are carried out before, and only the answer is lost. `method` and `table` narrow
    the choice.
    """

    status: int | None = None
    abort: bool = False
    delay_ms: int = 0
    after: bool = False
    count: int | None = 1
    method: str | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError("status is from 400 to 599")
        if not 0 <= self.delay_ms <= LONGEST_DELAY_MS:
            raise ValueError(f"delayMs is from 0 to {LONGEST_DELAY_MS}")
        if self.count is not None and self.count < 1:
            raise ValueError("count is at least 1")

    @property
    def carries_out(self) -> bool:
        """Whether the request is carried out at all."""
        return self.after or not (self.abort or self.status)

    @property
    def answer(self) -> Answer:
        """What is answered instead, as it comes from the part of Supabase that fails so."""
        match self.status or HTTPStatus.SERVICE_UNAVAILABLE:
            case HTTPStatus.UNAUTHORIZED:
                return refusal(bad_token_claim("JWT expired"))
            case HTTPStatus.SERVICE_UNAVAILABLE:
                return refusal(no_schema_cache())
            case status:
                body = f"error code: {status}".encode()
                return Answer(status, {"Content-Type": "text/plain; charset=UTF-8"}, body)


class RestFaults:
    """What is switched on at the moment; of several that fit, the oldest one strikes."""

    def __init__(self) -> None:
        self._faults: list[RestFault] = []

    @property
    def pending(self) -> tuple[RestFault, ...]:
        """The faults that have not struck often enough yet."""
        return tuple(self._faults)

    def add(self, fault: RestFault) -> None:
        """Switch a fault on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Switch all of them off; what is already delayed still takes its time."""
        self._faults.clear()

    def strike(self, method: str, table: str) -> RestFault | None:
        """Return what is to happen to the request at hand, and count it."""
        for index, fault in enumerate(self._faults):
            if fault.method in (None, method) and fault.table in (None, table):
                if fault.count is not None:
                    self._faults[index : index + 1] = _once_less(fault, fault.count)
                return fault
        return None


def _once_less(fault: RestFault, count: int) -> list[RestFault]:
    return [replace(fault, count=count - 1)] if count > 1 else []
