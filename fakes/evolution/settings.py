"""The settings of the fake provider, from the environment (contract, section 10)."""

from collections.abc import Mapping

from msgspec import Struct

from fakes.control import ControlSettings
from fakes.environment import Environment, Instance, Secret
from fakes.evolution.plans import DEFAULT_PLAN, Plan, Step

__all__ = ["EvolutionSettings", "RetrySettings"]


class RetrySettings(Struct, frozen=True, kw_only=True):
    """How a webhook is tried again: at most `attempts` times, waiting longer each time.

    Evolution itself tries 10 times from 5 s on; a test cannot wait for that.
    """

    attempts: int = 5
    first_delay_s: float = 0.5
    longest_delay_s: float = 10.0
    timeout_s: float = 10.0

    @classmethod
    def read(cls, environment: Environment) -> "RetrySettings":
        """Read `WEBHOOK_ATTEMPTS`, `WEBHOOK_RETRY_MS`, `WEBHOOK_TIMEOUT_MS`."""
        usual = cls()
        first_ms = round(usual.first_delay_s * 1000)
        timeout_ms = round(usual.timeout_s * 1000)
        return cls(
            attempts=environment.whole("WEBHOOK_ATTEMPTS", usual.attempts, low=1, high=100),
            first_delay_s=environment.milliseconds("WEBHOOK_RETRY_MS", first_ms) / 1e3,
            timeout_s=environment.whole("WEBHOOK_TIMEOUT_MS", timeout_ms, low=1) / 1e3,
        )


class EvolutionSettings(Struct, frozen=True, kw_only=True):
    """Everything the fake provider needs to run; `webhook_url` None: nobody is called yet."""

    instances: dict[str, Instance]
    api_key: Secret
    host: str = "127.0.0.1"
    port: int = 0
    webhook_url: str | None = None
    control: ControlSettings = ControlSettings()
    plan: Plan = DEFAULT_PLAN
    retry: RetrySettings = RetrySettings()
    kept: int = 10_000
    """How many sends and how many webhook calls are remembered."""

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "EvolutionSettings":
        """Read the settings; raises `SettingsError` with one sentence for the first mistake."""
        environment = Environment(variables)
        return cls(
            instances=environment.instances(),
            api_key=Secret(environment.required("EVOLUTION_API_KEY")),
            host=environment.text("HOST", "127.0.0.1"),
            port=environment.port("PORT"),
            webhook_url=environment.address("WEBHOOK_URL"),
            control=ControlSettings.read(environment),
            plan=_plan(environment),
            retry=RetrySettings.read(environment),
            kept=environment.whole("KEPT", 10_000, low=1, high=10_000_000),
        )


def _plan(environment: Environment) -> Plan:
    """`DEFAULT_PLAN` with the delays set, and without the echo where `ECHO` is false."""

    def timed(step: Step) -> Step:
        if step.event == "echo":
            return step
        milliseconds = round(step.after_s * 1000)
        after_ms = environment.milliseconds(f"{step.event}_MS", milliseconds)
        return Step(event=step.event, after_s=after_ms / 1000)

    echo = environment.flag("ECHO", True)
    steps = (step for step in DEFAULT_PLAN.steps if echo or step.event != "echo")
    return Plan(steps=tuple(map(timed, steps)))
