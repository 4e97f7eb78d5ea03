"""Seams: a mutant is installed where the program looks, or says that it cannot be."""

from __future__ import annotations

import types
from typing import ClassVar

import pytest

from conformance.mutants.mutant import (
    Mutant,
    SeamMoved,
    Seams,
    mutant,
    mutants_of,
    property_of,
    variant,
)
from conformance.mutants.program import run_as


class Program:
    """Something with seams of each kind."""

    limit = 3
    table: ClassVar[dict[str, int]]

    def double(self, value: int) -> int:
        return 2 * value

    @property
    def name(self) -> str:
        return "correct"

    @classmethod
    def kind(cls, value: str) -> str:
        return value

    def keyed(self, *, key: int) -> int:
        return key


@pytest.fixture
def program() -> type[Program]:
    """A program of the test's own."""
    members = {name: each for name, each in vars(Program).items() if not name.startswith("__")}
    return type("Program", (), members | {"table": {"a": 1}})


def test_a_method_is_replaced(program: type[Program]) -> None:
    """What the decorated function does is what the program does, and it is proven."""
    seams = Seams()

    @seams.function(program, "double")
    def triple(self: Program, value: int) -> int:
        return 3 * value

    assert program().double(2) == 6
    assert seams.prove() == ("Program.double",)


def test_properties_and_class_methods_stay_what_they_are(program: type[Program]) -> None:
    """A property is replaced by a property, a class method by a class method."""
    seams = Seams()

    @seams.function(program, "name")
    def wrong(self: Program) -> str:
        return "wrong"

    @seams.function(program, "kind")
    def loud(cls: type[Program], value: str) -> str:
        return value.upper()

    assert program().name == "wrong"
    assert program.kind("a") == "A"
    assert property_of(program, "name")(None) == "wrong"
    assert seams.prove() == ("Program.name", "Program.kind")


def test_a_seam_that_is_gone(program: type[Program]) -> None:
    """A function that is not there is told in one sentence."""
    with pytest.raises(SeamMoved) as moved:
        Seams().function(program, "treble")
    assert str(moved.value) == "The seam has moved: Program.treble is not there."


@pytest.mark.parametrize("name", ["double", "keyed"])
def test_a_seam_that_takes_something_else(program: type[Program], name: str) -> None:
    """A function that takes other parameters, or takes them otherwise, is another one."""
    with pytest.raises(SeamMoved, match=r"takes \(.*\), not \(self, key\)"):

        @Seams().function(program, name)
        def other(self: Program, key: int) -> int:
            return key


def test_a_constant_of_another_kind(program: type[Program]) -> None:
    """A constant that has another type, or that value already, is not the one that was meant."""
    seams = Seams()
    with pytest.raises(SeamMoved, match=r"Program\.limit is no str"):
        seams.constant(program, "limit", "3")
    with pytest.raises(SeamMoved, match=r"Program\.limit is 3 already"):
        seams.constant(program, "limit", 3)
    seams.constant(program, "limit", 4)
    assert program.limit == 4
    assert seams.prove() == ("Program.limit",)


def test_an_entry_that_is_not_there(program: type[Program]) -> None:
    """A table's entry has to be there, and to be another one."""
    seams = Seams()
    for key, value in (("b", 2), ("a", 1)):
        with pytest.raises(SeamMoved, match="the table's entry"):
            seams.entry(program.table, key, value)
    seams.entry(program.table, "a", 2)
    assert program.table == {"a": 2}
    assert len(seams.prove()) == 1


def test_what_is_no_property(program: type[Program]) -> None:
    """A method is no property, nor is what is not there."""
    for name in ("double", "nothing"):
        with pytest.raises(SeamMoved, match="is no property"):
            property_of(program, name)


def test_one_that_replaces_nothing_is_no_mutant() -> None:
    """A mutant without a seam would be the correct program: it is not installed."""

    @mutant("S-SUB-1")
    def idle(seams: Seams) -> None:
        """Does nothing at all."""

    with pytest.raises(SeamMoved, match="replaced nothing"):
        idle.install()


def test_one_that_was_replaced_again(program: type[Program]) -> None:
    """A seam that does not hold what was put there is no proof."""

    @mutant("S-SUB-1")
    def twice(seams: Seams) -> None:
        """Is overwritten."""
        seams.constant(program, "limit", 4)
        program.limit = 5

    with pytest.raises(SeamMoved, match=r"Program\.limit was replaced once more"):
        twice.install()


def test_a_mutant_is_made_of_its_function() -> None:
    """Its name is the function's, its sentence the docstring; a variant breaks nothing."""

    @mutant("C-SUB-1", "C-MSG-1")
    def forgets_it_all(seams: Seams) -> None:
        """Forgets everything,
        at once.
        """

    @variant
    def does_it_otherwise(seams: Seams) -> None:
        """Does it otherwise."""

    assert (forgets_it_all.name, forgets_it_all.breaks) == (
        "forgets-it-all",
        ("C-SUB-1", "C-MSG-1"),
    )
    assert forgets_it_all.does == "Forgets everything, at once."
    assert does_it_otherwise.breaks == ()


def test_a_mutant_has_one_side() -> None:
    """What breaks a client's and a server's requirement, or none, is no mutant of either."""
    for breaks in (("C-SUB-1", "S-SUB-1"), ()):
        with pytest.raises(ValueError, match="of one side"):
            mutant(*breaks)


def test_no_two_have_one_name() -> None:
    """Two mutants of one name could not be told apart."""
    one, other = types.ModuleType("one"), types.ModuleType("other")
    twin = Mutant("twin", "Is there twice.", ("S-SUB-1",), lambda seams: None)
    vars(one)["twin"] = vars(other)["twin"] = twin
    assert mutants_of(one) == {"twin": twin}
    with pytest.raises(ValueError, match="two mutants are called twin"):
        mutants_of(one, other)


def test_a_program_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the name of a mutant nothing is run, and the names are told: exit code 2."""
    twin = Mutant("twin", "Is there twice.", ("S-SUB-1",), lambda seams: None)
    for arguments in ([], ["nobody"], ["twin", "more"]):
        assert run_as({"twin": twin}, "no.such.module", arguments) == 2
    assert capsys.readouterr().err == "Name one of these: twin.\n" * 3


def test_a_program_whose_seam_has_moved_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A mutant that cannot be installed ends with 3: it is never the correct program."""
    idle = Mutant("idle", "Does nothing.", ("S-SUB-1",), lambda seams: None)
    assert run_as({"idle": idle}, "no.such.module", ["idle"]) == 3
    sentence = "idle: The seam has moved: the mutant replaced nothing.\n"
    assert capsys.readouterr().err == sentence
