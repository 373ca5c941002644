"""Deployment's parts: the forms of layers, the folding of batch-norm, and the check that all computes the same.

In: a model and an example. Out: which form of a layer is right and fastest, what can be folded, where outputs differ.
"""
