"""Running: what is missing of a suite is run, each trial in a process of its own, and ends as a record.

In: a suite, and the records there are. Out: new records.
"""
