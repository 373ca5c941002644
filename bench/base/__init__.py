"""The base: what every other room may use and what knows no suite, model or record.

In: the machine, its files and processes. Out: errors, settings, and functions that run in processes of their own.
"""
