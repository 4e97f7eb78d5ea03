"""Generated faults: schedules that Hypothesis draws, run against a target, judged by its history.

- `schedules`: operations and faults as JSON; `target`: what carries them out
- `running`: a schedule becomes a history; `machine`: schedules are drawn, and one found that fails
- `shrinking`: the smallest that fails; `replay`: a failure as a file, run again
- `client`, `server`: the targets
"""
