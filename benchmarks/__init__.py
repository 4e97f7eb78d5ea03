"""Side by side with the peers: what a delivered event, an idle subscriber and a connect cost.

`python -m benchmarks` (or `make bench`) runs it; docs/benchmarks.md says how to read it.

- `scenario`: how much of what, and the messages themselves
- `talk`, `receivers/`, `servers/`, `peers/`: the measured programs, and what they are told
- `contenders`: who takes part, and the installation of the peers
- `processes`, `measuring`: starting the programs, and reading their processor time and memory
- `figures`, `table`: medians, ratios and goals; the table and the file
"""
