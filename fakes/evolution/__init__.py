"""The fake WhatsApp provider: Evolution API v2 as ChatEngine meets it (contract, section 5).

It takes sends, calls ChatEngine's webhook with the echo and the acknowledgements, and plays
customers. `python -m fakes.evolution` runs it alone, `running_evolution` within a process.
"""

from fakes.evolution.running import Evolution, running_evolution
from fakes.evolution.settings import EvolutionSettings

__all__ = ["Evolution", "EvolutionSettings", "running_evolution"]
