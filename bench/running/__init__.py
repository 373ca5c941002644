"""Running: trials in processes of their own, with limits, whatever happens to them.

In: a suite's trials. Out: records.
"""
