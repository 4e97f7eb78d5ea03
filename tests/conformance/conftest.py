"""What the tests of the conformance harness share."""

from pathlib import Path

import pytest

from tests.conformance.samples import Suite


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """A folder for a small suite of checks."""
    return Suite(tmp_path)
