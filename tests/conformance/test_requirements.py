"""The table of requirements is the contract, word for word."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.requirements import REQUIREMENTS, UnknownRequirement, requirement

CONTRACT = (Path(__file__).parents[2] / "docs" / "contract.md").read_text()

# An id opens a clause at the head of an item, or behind the end of the clause before it; one that
# is only mentioned ("the order of C-STA-1") stands in the middle of a sentence.
_OPENS = re.compile(r"(?:^|(?<=; )|(?<=\. )|(?<=, )|(?<=, and ))([CS]-[A-Z]+-\d+(?:\.\.\d+)?) ")

_ADAPTER = {"websocket", "supabase", "polling", "send", "typing", "cache", "metrics"}


def items(section: int) -> Iterator[tuple[str, str]]:
    """The contract's items of a section, each with the heading it stands under."""
    text = CONTRACT.split(f"\n## {section}. ")[1].split("\n## ")[0]
    heading = ""
    for line in text.splitlines():
        if line.startswith("- "):
            yield heading, line[2:]
        elif line:
            heading = line


def clauses(item: str) -> Iterator[tuple[str, str]]:
    """The ids of an item with their clauses."""
    found = list(_OPENS.finditer(item))
    for this, following in zip(found, [*found[1:], None], strict=True):
        text = item[this.end() : following.start() if following else None]
        yield from spread(this.group(1), re.sub(r"(;|, and|,)? *$", "", text))


def spread(identifier: str, text: str) -> Iterator[tuple[str, str]]:
    """`S-AUTH-1..7 a; b: ending` as seven clauses, each with the ending that they share."""
    first, _, last = identifier.partition("..")
    if not last:
        yield identifier, text
        return
    named, _, ending = text.rpartition(": ")
    parts = named.split("; ")
    group, _, number = first.rpartition("-")
    assert len(parts) == int(last) - int(number) + 1
    for count, part in enumerate(parts, int(number)):
        yield f"{group}-{count}", f"{part}: {ending}"


def contract() -> dict[str, tuple[str, str]]:
    """Every requirement of sections 7 and 8: its level and its clause."""
    found = {}
    for section in (7, 8):
        for heading, item in items(section):
            for identifier, text in clauses(item):
                marked = text.startswith("(SHOULD) ") or "(SHOULD)" in heading
                level = "SHOULD" if marked else "MUST"
                found[identifier] = (level, text.removeprefix("(SHOULD) "))
    # S-AUTH-9 ends with what S-AUTH-10 says last: "a token not yet valid, ... : refused."
    level, text = found["S-AUTH-9"]
    found["S-AUTH-9"] = (level, f"{text}: {found['S-AUTH-10'][1].rpartition(': ')[2]}")
    return found


def test_every_requirement_of_the_contract_is_in_the_table_word_for_word() -> None:
    """No id is lacking, none is invented, and clause and level are the contract's."""
    assert {one.id: (one.level, one.clause) for one in REQUIREMENTS.values()} == contract()


def test_every_id_of_the_contract_was_read() -> None:
    """What this test takes out of the contract is all that looks like an id there."""
    sections = CONTRACT.split("\n## 7. ")[1].split("\n## 9. ")[0]
    mentioned = set(re.findall(r"\b[CS]-[A-Z]+-\d+\b", sections))
    assert mentioned <= set(contract())
    assert len(contract()) == 91


def test_requirements_stand_in_the_contracts_order() -> None:
    """Within a side the table has the contract's order, which a report shows."""
    for side, letter in (("server", "S"), ("client", "C")):
        table = [one.id for one in REQUIREMENTS.values() if one.side == side]
        assert table == [name for name in contract() if name.startswith(letter)]


def test_a_client_depends_on_capabilities_of_the_adapter_protocol_alone() -> None:
    """A client requirement is not applicable only for want of what an adapter can claim."""
    needs = {need for one in REQUIREMENTS.values() if one.side == "client" for need in one.needs}
    assert needs <= _ADAPTER


@pytest.mark.parametrize(
    ("unknown", "sentence"),
    [
        ("C-FBK-9", "The contract has no requirement C-FBK-9; C-FBK-8 is the nearest."),
        ("s-sub-1", "The contract has no requirement s-sub-1; S-SUB-1 is the nearest."),
        ("nonsense", "The contract has no requirement nonsense."),
    ],
)
def test_an_unknown_id_is_refused_in_one_sentence(unknown: str, sentence: str) -> None:
    """An id that the contract has not is refused, with the nearest that it has."""
    with pytest.raises(UnknownRequirement) as refused:
        requirement(unknown)
    assert str(refused.value) == sentence
