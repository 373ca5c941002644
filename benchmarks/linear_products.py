"""Two factors of a linear layer as matrix products, beside the same as torch's 1×1 convolutions, in turn.

Tokens are maps of one position, ``(tokens, c, 1, 1)``, or the columns of one map in the channels-last layout. Each
round gives a ratio of CPU times to that of the products; the median over the rounds is printed, and the quartiles.

    python benchmarks/linear_products.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from timing import quartiles, timed
from torch import Tensor, nn

from decompbench.methods.linear_layers.forms import on_tokens
from decompbench.methods.linear_layers.pointwise import with_products

SHAPES = ((192, 96, 768, 1), (768, 192, 3072, 1), (192, 64, 192, 1), (768, 192, 768, 4))
"""Channels before, between and after the factors, and groups of both."""


def main() -> None:
    """Time the forms and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=197)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| channels | groups | training | maps of one position / products | one channels-last map / products |")
    print("|---|---|---|---|---|")
    for *channels, groups in SHAPES:
        for training in (False, True):
            ratios = compare(channels, groups, options.tokens, options.rounds, training=training)
            cells = (f"{middle:.1f} [{low:.1f}, {high:.1f}]" for low, middle, high in map(quartiles, ratios))
            print(
                f"| {'→'.join(map(str, channels))} | {groups} | {'yes' if training else 'no'} | {' | '.join(cells)} |"
            )


def compare(channels: list[int], groups: int, tokens: int, rounds: int, *, training: bool) -> list[list[float]]:
    """Return by round what either kind of convolution takes relative to the products."""
    c, r, n = channels
    convs = nn.Sequential(nn.Conv2d(c, r, 1, groups=groups, bias=False), nn.Conv2d(r, n, 1, groups=groups))
    products = with_products(nn.Sequential(*convs))
    x = torch.randn(1, tokens, c)
    forms: list[Callable[[], Tensor]] = [
        lambda: on_tokens(products, x),
        lambda: on_tokens(convs, x),
        lambda: convs(x.mT[:, :, None]).squeeze(2).mT,
    ]
    assert all(torch.allclose(form(), forms[0](), atol=1e-4) for form in forms)
    runs = [lambda form=form: form().square().mean().backward() if training else form() for form in forms]
    ratios: list[list[float]] = [[], []]
    with torch.set_grad_enabled(training):
        for _ in range(rounds):
            own, *others = (timed(run, 5)[1] for run in runs)
            for ratio, other in zip(ratios, others, strict=True):
                ratio.append(other / own)
    return ratios


if __name__ == "__main__":
    main()
