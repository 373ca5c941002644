"""The writers: one each for terminal, Markdown, LaTeX, CSV and JSON, each with one rule for signs that mean something.

``table`` is the table that terminal, Markdown and LaTeX show.
"""
