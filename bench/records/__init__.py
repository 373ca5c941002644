"""Records: one immutable JSON document a trial, on a line of its own with a checksum.

In: what a run found out, or lines of any version. Out: records, and the flat table of all. No torch, and no suite,
recipe or method: a record is read by its own schema.
"""
