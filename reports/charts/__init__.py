"""Charts as inline SVG, drawn by pure functions: a record's numbers and a size in, markup out.

Colours are classes and CSS variables of the page, so that one drawing serves light, dark and paper.
Nothing here takes text from a record.
"""
