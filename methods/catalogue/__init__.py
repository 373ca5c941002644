"""The catalogue: one file or folder a method, found by the method's name; `refit` and `learning` serve several of them.

In: a convolution, its spec and the settings. Out: its cost, and the layer that replaces it.
"""
