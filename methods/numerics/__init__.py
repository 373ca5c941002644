"""Numerics: operations on tensors that several methods need. No layer, model or method is known here.

In: tensors. Out: tensors.
"""
