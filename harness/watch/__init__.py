"""`chatengine-harness watch`: the CRM in a terminal, or as lines where there is none."""
