"""The checks: audits of the machine, of committed records, and of every method on many models.

In: a machine, a results folder, or names of models. Out: a report, and an exit code.
"""
