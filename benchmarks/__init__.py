"""What things cost, side by side with the peers that do the same.

`python -m benchmarks` (or `make bench`) runs it; docs/benchmarks.md says how to read it. A folder
for each section, whose `section.run` measures it; what they share:

- `section`: what a section is given, and what it gives back
- `talk`, `peers/`: the measured programs, and what they are told
- `processes`, `node`: starting the programs, and reading their processor time and memory
- `flow`, `pairs`: messages on a schedule, and what a fake and its client cost meanwhile
- `figures`, `table`: medians, ratios and goals; the tables
"""
