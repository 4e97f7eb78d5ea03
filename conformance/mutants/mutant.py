"""What a mutant is, and how it gets into the program: at seams that have to be there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar

from conformance.requirements import Side, requirement

__all__ = ["Mutant", "SeamMoved", "Seams", "mutant", "mutants_of", "property_of", "variant"]

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NOTHING: Final = object()


class SeamMoved(Exception):
    """A place at which a mutant differs is not what it was; `str` is one sentence.

    A mutant that went on nevertheless would be the correct program under a false name.
    """

    def __init__(self, seam: str, what: str) -> None:
        super().__init__(seam, what)
        self.seam = seam
        self.what = what

    def __str__(self) -> str:
        return f"The seam has moved: {self.seam} {self.what}."


class Seams:
    """Puts a mutant's parts where the program looks them up, and can prove that they are there.

    All of it before the program starts; there is no way back but another process.
    """

    def __init__(self) -> None:
        self._proofs: list[tuple[str, Callable[[], bool]]] = []

    def function(self, owner: type | ModuleType, name: str) -> Callable[[F], F]:
        """Let the decorated function stand for a function, method or property of `owner`.

        It takes the same parameters by the same names; raises `SeamMoved` where that is not so. A
        name that `owner` imported is replaced for `owner` alone.
        """
        seam = f"{_named(owner)}.{name}"
        before = vars(owner).get(name, _NOTHING)
        if before is _NOTHING:
            raise SeamMoved(seam, "is not there")

        def put(replacement: F) -> F:
            there, here = _parameters(_bare(before)), _parameters(replacement)
            if there != here:
                raise SeamMoved(seam, f"takes ({', '.join(there)}), not ({', '.join(here)})")
            self._put(seam, owner, name, _dressed(before, replacement))
            return replacement

        return put

    def constant(self, owner: type | ModuleType, name: str, value: object) -> None:
        """Let a constant have another value of its type; raises `SeamMoved`."""
        seam = f"{_named(owner)}.{name}"
        before = vars(owner).get(name, _NOTHING)
        if type(before) is not type(value):
            raise SeamMoved(seam, f"is no {type(value).__name__}")
        if before == value:
            raise SeamMoved(seam, f"is {value!r} already")
        self._put(seam, owner, name, value)

    def entry(self, table: dict[K, V], key: K, value: V) -> None:
        """Let a table say something else under a key that it has; raises `SeamMoved`."""
        seam = f"the table's entry {key}"
        if table.get(key, value) == value:
            raise SeamMoved(seam, f"is not there, or is {value!r} already")
        table[key] = value
        self._proofs.append((seam, lambda: table.get(key) is value))

    def prove(self) -> tuple[str, ...]:
        """Name the seams that hold; raises `SeamMoved` where one does not, or there is none."""
        if not self._proofs:
            raise SeamMoved("the mutant", "replaced nothing")
        for seam, holds in self._proofs:
            if not holds():
                raise SeamMoved(seam, "was replaced once more")
        return tuple(seam for seam, _ in self._proofs)

    def _put(self, seam: str, owner: type | ModuleType, name: str, value: object) -> None:
        setattr(owner, name, value)
        self._proofs.append((seam, lambda: vars(owner).get(name) is value))


Install = Callable[[Seams], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One deviation: its name, what it does in one sentence, and the requirements it breaks.

    One that breaks none does what the contract leaves open: nothing may blame it.
    """

    name: str
    does: str
    breaks: tuple[str, ...]
    seams: Install

    def install(self) -> tuple[str, ...]:
        """Change the program of this process for good; names the seams, raises `SeamMoved`."""
        seams = Seams()
        self.seams(seams)
        return seams.prove()


def mutant(*breaks: str) -> Callable[[Install], Mutant]:
    """Make a mutant of a function that installs it: its name, and its docstring's sentence."""
    if len({side_of(each) for each in breaks}) != 1:
        raise ValueError("a mutant breaks requirements of one side")
    return lambda install: _made(install, breaks)


def variant(install: Install) -> Mutant:
    """Make of a function what differs and breaks nothing."""
    return _made(install, ())


def property_of(owner: type, name: str) -> Callable[[Any], Any]:
    """What a property of a class computes; raises `SeamMoved`."""
    found = vars(owner).get(name)
    if not isinstance(found, property) or found.fget is None:
        raise SeamMoved(f"{_named(owner)}.{name}", "is no property")
    return found.fget


def side_of(identifier: str) -> Side:
    """Whose requirement it is; raises UnknownRequirement."""
    return requirement(identifier).side


def mutants_of(*modules: ModuleType) -> dict[str, Mutant]:
    """All that the modules define, by name and in their order; raises ValueError for a twin."""
    found: dict[str, Mutant] = {}
    for module in modules:
        for each in vars(module).values():
            if isinstance(each, Mutant):
                if each.name in found:
                    raise ValueError(f"two mutants are called {each.name}")
                found[each.name] = each
    return found


def _made(install: Install, breaks: tuple[str, ...]) -> Mutant:
    name = getattr(install, "__name__", "").replace("_", "-")
    return Mutant(name, inspect.cleandoc(install.__doc__ or "").replace("\n", " "), breaks, install)


def _bare(found: object) -> Callable[..., Any]:
    """The function itself of what a class or module holds."""
    if isinstance(found, property) and found.fget is not None:
        return found.fget
    if isinstance(found, classmethod | staticmethod):
        return _bare(found.__func__)
    if callable(found):
        return found
    raise SeamMoved(repr(found)[:80], "cannot be called")


def _dressed(before: object, replacement: Callable[..., Any]) -> object:
    """The replacement as the class holds what was there before."""
    if isinstance(before, property):
        return property(replacement)
    if isinstance(before, classmethod | staticmethod):
        return type(before)(replacement)
    return replacement


def _parameters(function: Callable[..., Any]) -> list[str]:
    return [
        ("*" if each.kind is each.KEYWORD_ONLY else "") + each.name
        for each in inspect.signature(function).parameters.values()
    ]


def _named(owner: type | ModuleType) -> str:
    return owner.__name__
