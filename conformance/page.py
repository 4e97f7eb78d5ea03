"""The report page."""

from typing import Any


def write_page(found: Any, verdict: Any, settings: Any) -> None:
    """Tmp."""
