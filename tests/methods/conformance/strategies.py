"""Convolutions drawn at random, far beyond the list of the conformance suite: even kernels, any groups, one channel."""

from hypothesis import assume
from hypothesis import strategies as st

from decompbench.methods.conformance import ConvCase


@st.composite
def conv_shapes(draw: st.DrawFn) -> ConvCase:
    """Draw a convolution that torch takes for the input of `ConvCase.example`."""
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    dilation = draw(st.integers(1, 2))
    stride = draw(st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    padding = draw(st.one_of(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.sampled_from(("same", "valid"))))
    assume(padding != "same" or stride == 1)
    extents = [dilation * (size - 1) + 1 for size in kernel]
    around = (0, 0) if padding == "valid" else (6, 6) if padding == "same" else padding
    # the smallest input of any check is 15 × 14
    assume(all(extent <= size + 2 * pad for extent, size, pad in zip(extents, (15, 14), around, strict=True)))
    groups = draw(st.sampled_from((1, 1, 1, 2, 3)))
    return ConvCase(
        in_channels=groups * draw(st.integers(1, 9)),
        out_channels=groups * draw(st.integers(1, 9)),
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=draw(st.sampled_from(("zeros", "reflect", "replicate", "circular"))),
        bias=draw(st.booleans()),
    )
