"""Requirements that a target is known to fail, each with the reason why: a baseline in YAML.

    S-PRO-3: no polling behind our load balancer, see the ticket
    S-STA-2: statuses go back when the provider repeats them; mended in 2.4

Read with ruamel.yaml, as YAML 1.2: it refuses a key that is there twice, of which PyYAML would
silently keep the last.
"""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conformance.requirements import REQUIREMENTS, UnknownRequirement
from conformance.settings import SettingsError

__all__ = ["matches_nothing", "read_known_failing"]


def read_known_failing(path: Path) -> dict[str, str]:
    """The reasons by requirement; raises SettingsError with one sentence.

    An id that the contract has not is kept: that it matches nothing is the run's verdict.
    """
    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {_first(error)}.") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path} is no mapping of requirements to reasons.")
    return {_identifier(path, key): _reason(path, key, text) for key, text in found.items()}


def matches_nothing(identifier: str) -> str:
    """Why an entry matches nothing, as a sentence."""
    if identifier in REQUIREMENTS:
        return f"{identifier} is known to fail, but has no part in this run."
    return str(UnknownRequirement(identifier))


def _identifier(path: Path, key: object) -> str:
    if not isinstance(key, str):
        raise SettingsError(f"{path}: {str(key)[:40]} is no requirement's id.")
    return key


def _reason(path: Path, key: object, text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise SettingsError(f"{path}: {key} is known to fail for no reason that is written down.")
    return text.strip()


def _first(error: Exception) -> str:
    """What is wrong and where, of an explanation that goes on for a page."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = "" if mark is None else f" (line {mark.line + 1})"
    return f"{problem}{where}"
