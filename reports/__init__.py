"""Run records in, latency reports out.

A run of the load engine ends as one `RunRecord` (`record.py`), judged by `thresholds.py`, stored
as `run.json`, and shown as a page (`page.py`), in the terminal (`summary.py`) and to CI
(`junit.py`). Latencies are held in sparse histograms that merge exactly (`histogram.py`).

This room imports nothing else of the project: whoever has a `run.json` can judge and draw it.
"""
