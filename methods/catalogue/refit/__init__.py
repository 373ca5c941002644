"""The refit of a factored convolution to activations; `data_aware` is the base class of methods that offer it.

`last_link` has the least-squares fit of the last convolution of any chain, `whitened` the factors that lose least of
the output, and `positions` draws the samples of both.
"""
