"""The contract: all that a method is built from and judged by, from a convolution's spec to the class `Method`.

In: a model and an example. Out: specs, costs, layers, and methods by name.
"""
