"""The MACs of torch's functions, against sums by hand and against what torch itself does for them."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods.numerics.contractions import chain_macs, einsum_macs
from decompbench.methods.numerics.products import ProductCounter

N, L, S, D, E = 2, 5, 7, 8, 3
X = torch.randn(N, L, D)
W = torch.randn(D, E)
V = torch.randn(D)
MEMORY = torch.randn(N, S, D)


def conv(*shape, **options):
    return lambda: F.conv2d(torch.randn(N, 6, 9, 9), torch.randn(*shape), **options)


def heads(x):
    return x.unflatten(-1, (2, D // 2)).transpose(1, 2)


CALLS = {
    "operator": (lambda: X @ W, N * L * D * E),
    "operator from the right": (lambda: torch.Tensor.__rmatmul__(W, X), N * L * D * E),
    "by keywords": (lambda: torch.matmul(other=W, input=X), N * L * D * E),
    "vectors": (lambda: V @ V, D),
    "matrix and vector": (lambda: X @ V, N * L * D),
    "vector and matrices": (lambda: V @ X.mT, N * L * D),
    "method": (lambda: X.bmm(X.mT), N * L * L * D),
    "aten": (lambda: torch.ops.aten.bmm.default(X, X.mT), N * L * L * D),
    "inner": (lambda: torch.inner(X, X), N * L * N * L * D),
    "inner with a number": (lambda: torch.inner(X, torch.tensor(2.0)), 0),
    "outer": (lambda: torch.outer(V, V), 0),
    "addmm": (lambda: torch.addmm(torch.zeros(E), X[0], W), L * D * E),
    "addmm in place": (lambda: torch.zeros(L, E).addmm_(X[0], W), L * D * E),
    "addmv": (lambda: torch.addmv(torch.zeros(L), X[0], V), L * D),
    "baddbmm": (lambda: torch.baddbmm(torch.zeros(1), X, X.mT), N * L * L * D),
    "addbmm": (lambda: torch.addbmm(torch.zeros(L, L), X, X.mT), N * L * L * D),
    "chain": (lambda: torch.linalg.multi_dot([X[0], W, torch.ones(E, 11), torch.ones(11)]), 11 * E + E * D + D * L),
    "linear": (lambda: F.linear(X, W.T), N * L * D * E),
    "linear with one output": (lambda: F.linear(X, V), N * L * D),
    "bilinear": (lambda: F.bilinear(X, X, torch.randn(E, D, D)), N * L * E * D * (D + 1)),
    "tensordot": (lambda: torch.tensordot(X, W, 1), N * L * D * E),
    "tensordot over two": (lambda: torch.tensordot(X, X, dims=([0, 2], [0, 2])), L * L * N * D),
    "einsum": (lambda: torch.einsum("nld,de->nle", X, W), N * L * D * E),
    "einsum in a list": (lambda: torch.einsum("nld,de", [X, W]), N * L * D * E),
    "einsum by indices": (lambda: torch.einsum(X, [..., 0], W, [0, 1], [..., 1]), N * L * D * E),
    "einsum element by element": (lambda: torch.einsum("nld,d->nld", X, V), 0),
    "einsum of one": (lambda: torch.einsum("nld->nd", X), 0),
    "einsum from left to right": (lambda: torch.einsum("...d,de,ef", X, W, torch.ones(E, 11)), N * L * E * (D + 11)),
    "einsum that broadcasts": (lambda: torch.einsum("nld,nmd->nlm", X, torch.ones(1, S, D)), N * L * S * D),
    "einsum over a diagonal": (lambda: torch.einsum("nll,lk->nk", X @ X.mT, torch.ones(L, E)), N * L * (L * D + E)),
    "convolution": (conv(4, 3, 3, 3, groups=2, stride=2), N * 4 * 16 * 27),
    "convolution, padding in words": (conv(4, 6, 3, 3, padding="same"), N * 4 * 81 * 54),
    "convolution 1d": (lambda: F.conv1d(X, torch.randn(4, L, 3)), N * 4 * (D - 2) * L * 3),
    "convolution 3d": (lambda: F.conv3d(torch.ones(1, 2, 4, 4, 4), torch.ones(3, 2, 2, 2, 2)), 3 * 27 * 16),
    "transposed": (lambda: F.conv_transpose2d(torch.ones(N, 6, 4, 4), torch.ones(6, 2, 3, 3), groups=3), N * 96 * 18),
    "attention": (lambda: F.scaled_dot_product_attention(X, MEMORY, MEMORY[..., :E]), N * L * S * (D + E)),
    "causal attention": (lambda: F.scaled_dot_product_attention(X, X, X, is_causal=True), N * L * L * 2 * D),
    "attention with shared keys": (
        lambda: F.scaled_dot_product_attention(heads(X), *[heads(MEMORY)[:, :1]] * 2, enable_gqa=True),
        N * L * S * 2 * D,
    ),
}
#: Calls for which torch's own counter has none; the bench adds them.
NO_FORMULA = {
    "vectors", "matrix and vector", "vector and matrices", "addmm in place", "addmv", "addbmm", "bilinear", "chain",
    "linear with one output",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_call_counts_as_by_hand_and_as_what_torch_makes_of_it(name):
    call, macs = CALLS[name]
    with torch.no_grad(), ProductCounter() as counter:
        call()
    assert counter.macs == macs
    if name not in NO_FORMULA:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as torchs:
            call()
        assert torchs.get_total_flops() == 2 * macs


ATTENTION = {
    "self": (dict(batch_first=True), (X, X, X)),
    "without a batch": ({}, (X[0], X[0], X[0])),
    "steps first": ({}, (X, X, X)),
    "cross": (dict(batch_first=True), (X, MEMORY, MEMORY)),
    "own widths": (dict(batch_first=True, kdim=D, vdim=E), (X, MEMORY, MEMORY[..., :E])),
    "more keys": (dict(add_bias_kv=True, add_zero_attn=True), (X, X, X)),
}


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention_counts_its_projections_and_its_products(name, need_weights):
    options, inputs = ATTENTION[name]
    layer = nn.MultiheadAttention(D, 2, **options).eval()
    with torch.no_grad(), ProductCounter() as counter:
        layer(*inputs, need_weights=need_weights)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as torchs:
            layer(*inputs, need_weights=need_weights)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    assert torchs.get_total_flops() == 2 * counter.macs


def test_multi_head_attention_by_hand():
    layer = nn.MultiheadAttention(D, 2, batch_first=True).eval()
    with torch.no_grad(), ProductCounter() as counter:
        layer(X, MEMORY, MEMORY)
    assert counter.macs == N * (2 * L * D * D + 2 * S * D * D + 2 * L * S * D)


@pytest.mark.parametrize(
    ("layer", "of_a_step"),
    [
        (nn.LSTM(D, 6), 4 * 6 * (D + 6)),
        (nn.LSTM(D, 6, proj_size=3), 4 * 6 * (D + 3) + 3 * 6),
        (nn.GRU(D, 6, num_layers=2), 3 * 6 * (D + 6 + 6 + 6)),
        (nn.RNN(D, 6, bidirectional=True), 2 * 6 * (D + 6)),
    ],
    ids=["LSTM", "LSTM with a projection", "GRU", "RNN"],
)
def test_recurrent_layers_apply_each_matrix_once_a_step(layer, of_a_step):
    with torch.no_grad(), ProductCounter() as counter:
        layer(X)
    assert counter.macs == N * L * of_a_step
    packed = nn.utils.rnn.pack_padded_sequence(X.transpose(0, 1), [5, 1])
    with torch.no_grad(), ProductCounter() as counter:
        layer(packed)
    assert counter.macs == (5 + 1) * of_a_step


@pytest.mark.parametrize(("cell", "gates"), [(nn.LSTMCell(D, 6), 4), (nn.GRUCell(D, 6), 3), (nn.RNNCell(D, 6), 1)])
def test_recurrent_cells(cell, gates):
    with torch.no_grad(), ProductCounter() as counter:
        cell(X[:, 0])
    assert counter.macs == N * gates * 6 * (D + 6)


def test_functions_of_others_are_none_of_torchs():
    def linear(*_):
        return X

    with ProductCounter() as counter:
        torch.overrides.handle_torch_function(linear, (X,), X, W)
    assert counter.macs == 0


def test_einsum_follows_a_path():
    shapes = [(2, 100), (100, 100), (100, 3)]
    left_to_right = einsum_macs("ab,bc,cd->ad", shapes)
    assert left_to_right == 2 * 100 * 100 + 2 * 100 * 3
    assert einsum_macs("ab,bc,cd->ad", shapes, [(1, 2), (0, 1)]) == 100 * 100 * 3 + 2 * 100 * 3
    assert einsum_macs("ab,bc,cd->ad", shapes, [(0, 1), (0, 1)]) == left_to_right


def test_a_chain_is_multiplied_in_the_cheapest_order():
    sizes = (30, 35, 15, 5, 10, 20, 25)  # the example of Cormen et al., "Introduction to algorithms"
    assert chain_macs(list(itertools.pairwise(sizes))) == 15125
