"""The base: errors, files, processes, devices, the machine, provenance and global state.

In: plain values. Out: plain values and files. No suite, model or record is known here.
"""
