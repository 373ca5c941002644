"""The share of a model that convolutions are, in words."""

from __future__ import annotations

SMALL_PART = 0.5
"""Share of a model's parameters below which convolutions are called a small part."""


def small_part(conv_weights: int, linear_weights: int, parameters: int) -> str | None:
    """Return a sentence on how small a part of a model its convolutions are; None where they are not.

    Parameters
    ----------
    conv_weights, linear_weights, parameters
        Elements of the weights of all convolutions, of all linear layers, and of all parameters.
    """
    if not parameters or conv_weights >= SMALL_PART * parameters:
        return None
    held = f"convolutions hold {100 * conv_weights / parameters:.2g} % of the {parameters:,} parameters"
    if not linear_weights:
        return held
    share = f"{100 * linear_weights / parameters:.3g} %"
    return f"{held}; layers: conv+linear takes the linear layers, too, which hold {share}"
