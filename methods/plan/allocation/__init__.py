"""The allocation of ranks over layers under one budget: `allocate` is the whole of it.

`curves` has what every group of layers loses at every cost, `search` the choices on these curves, `sensitivity` the
weights that are measured on a network's output.
"""
