"""The legs of the count of multiply-accumulates agree, and what none of them sees is found by its weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torchvision.ops import DeformConv2d

from decompbench.bench.measure import CountMismatchError, count_macs, count_model
from decompbench.bench.measure.counters import audit_weights, count_dispatched
from decompbench.methods import compress, get_method, plan, trace
from tests.methods.numerics.test_products import CALLS

SIZE, CHANNELS, TOKENS = 6, 8, 36
STEM = TOKENS * CHANNELS * 3 * 9
X = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A convolution, and whatever is made of its output as an image ``x`` or as ``tokens`` ``(n, 36, 8)``."""

    def __init__(self, run, **parts):
        super().__init__()
        self.stem, self.run = nn.Conv2d(3, CHANNELS, 3, padding=1), run
        for name, part in parts.items():
            setattr(self, name, part)
        self.eval()

    def forward(self, x):
        x = self.stem(x)
        return self.run(self, x, x.flatten(2).transpose(1, 2))


def weight(*shape):
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(1)))


def counts_of(net):
    """Return what a trial has of the counts of a network."""
    todo = plan(net, get_method("dense"), X)
    macs = todo.before.macs + todo.linear_macs
    return count_model(net, X, planned_weights=todo.before.weights, planned_macs=macs, what="dense")


class Calling(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, x):
        return x.sum() + self.call().sum()


@pytest.mark.parametrize("name", CALLS)
def test_each_leg_counts_every_call(name):
    call, macs = CALLS[name]
    assert count_macs(Calling(call), X)[0] == macs
    assert count_dispatched(Calling(call), X)[0] == macs


def layer_macs(width, hidden, keys=TOKENS):
    """Return the MACs of a transformer layer with attention to as many tokens."""
    return TOKENS * (4 * width**2 + 2 * keys * width + 2 * width * hidden)


@torch.library.custom_op("decompbench_test::apply", mutates_args=())
def apply(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return x @ matrix


@apply.register_fake
def _(x, matrix):
    return x.new_empty(*x.shape[:-1], matrix.shape[-1])


def transformer(**options):
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(CHANNELS, 2, 16, **options), 2)


NETS = {
    "transformer": (
        lambda: Net(lambda s, x, t: s.layers(t), layers=transformer(batch_first=True)),
        2 * layer_macs(CHANNELS, 16),
    ),
    "transformer, steps first": (
        lambda: Net(lambda s, x, t: s.layers(t.transpose(0, 1)), layers=transformer(norm_first=True)),
        2 * layer_macs(CHANNELS, 16),
    ),
    "decoder with learnt queries": (
        lambda: Net(
            lambda s, x, t: s.layer(s.queries.expand(len(t), -1, -1), t),
            queries=weight(1, 5, CHANNELS),
            layer=nn.TransformerDecoderLayer(CHANNELS, 2, 16, batch_first=True),
        ),
        5 * (6 * 64 + 2 * 5 * 8 + 2 * TOKENS * 8 + 2 * 8 * 16) + TOKENS * 2 * 64,
    ),
    "attention, keys of their own width": (
        lambda: Net(
            lambda s, x, t: s.attend(t, s.keys(t), t, need_weights=False)[0],
            keys=nn.Linear(CHANNELS, 6),
            attend=nn.MultiheadAttention(CHANNELS, 2, kdim=6, vdim=CHANNELS, batch_first=True),
        ),
        TOKENS * (8 * 6 + 3 * 64 + 6 * 8 + 2 * TOKENS * 8),
    ),
    "operator and einsum": (
        lambda: Net(lambda s, x, t: torch.einsum("nld,de->nle", t @ s.a, s.b), a=weight(8, 5), b=weight(5, 7)),
        TOKENS * (8 * 5 + 5 * 7),
    ),
    "bilinear": (
        lambda: Net(lambda s, x, t: s.form(t, t), form=nn.Bilinear(CHANNELS, CHANNELS, 3)),
        TOKENS * 3 * 8 * (8 + 1),
    ),
    "recurrent": (
        lambda: Net(lambda s, x, t: s.layer(t)[0], layer=nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True)),
        TOKENS * 2 * 4 * 6 * ((8 + 6) + (12 + 6)),
    ),
    "recurrent cell": (lambda: Net(lambda s, x, t: s.cell(t[:, 0]), cell=nn.GRUCell(8, 6)), 3 * 6 * (8 + 6)),
    "transposed": (
        lambda: Net(lambda s, x, t: F.conv_transpose2d(x, s.kernel, stride=2), kernel=weight(8, 5, 3, 3)),
        TOKENS * 8 * 5 * 9,
    ),
    "convolution with offsets": (
        lambda: Net(
            lambda s, x, t: s.conv(x, s.offsets(x)),
            offsets=nn.Conv2d(8, 18, 3, padding=1),
            conv=DeformConv2d(8, 4, 3, padding=1),
        ),
        TOKENS * 9 * 8 * (18 + 4),
    ),
    "weight norm": (lambda: Net(lambda s, x, t: s.conv(x), conv=weight_norm(nn.Conv2d(8, 4, 1))), TOKENS * 32),
    "standardised weight": (
        lambda: Net(
            lambda s, x, t: F.conv2d(x, (s.kernel - s.kernel.mean((1, 2, 3), True)) / s.kernel.std(), None),
            kernel=weight(4, 8, 1, 1),
        ),
        TOKENS * 32,
    ),
    "cast, transposed, sliced, in chunks": (
        lambda: Net(
            lambda s, x, t: sum(F.linear(t.double(), part.T[:, :3].T) for part in s.matrix.double().chunk(2)),
            matrix=weight(8, 8),
        ),
        2 * TOKENS * 3 * 8,
    ),
    "experts": (
        lambda: Net(lambda s, x, t: t @ s.experts[t.mean((1, 2)).argmax()], experts=weight(3, 8, 5)),
        TOKENS * 8 * 5,
    ),
    "inference mode": (
        lambda: Net(lambda s, x, t: torch.inference_mode()(s.linear)(t), linear=nn.Linear(8, 5)),
        TOKENS * 8 * 5,
    ),
    "tied": (lambda: Net(lambda s, x, t: t @ s.stem.weight.flatten(1)), TOKENS * 8 * 27),
    "element by element": (
        lambda: Net(
            lambda s, x, t: (
                torch.cat((s.token.expand(len(t), -1, -1), s.table(x.argmax(1).flatten(1)) * s.scale), 1) + s.positions
            ),
            table=nn.Embedding(8, 8),
            scale=weight(8),
            token=weight(1, 1, 8),
            positions=weight(1, TOKENS + 1, 8),
        ),
        0,
    ),
    "norms and activations": (
        lambda: Net(
            lambda s, x, t: s.layer(s.act(s.group(s.batch(x))).flatten(2).transpose(1, 2)).mean((0, 1)),
            batch=nn.BatchNorm2d(8),
            group=nn.GroupNorm(2, 8),
            act=nn.PReLU(8),
            layer=nn.LayerNorm(8),
        ),
        0,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_all_legs_agree_with_sums_by_hand(name):
    make, macs = NETS[name]
    counts = counts_of(make())
    assert counts.macs == counts.macs_torch == counts.macs_formula == STEM + macs
    assert counts.unused == []


#: Work that no counter sees, with what the message has to name.
UNSEEN = {
    "an operation of a library": (lambda s, x, t: apply(t, s.matrix), "matrix in decompbench_test::apply"),
    "attention in one kernel": (
        lambda s, x, t: torch._native_multi_head_attention(
            t, t, t, 8, 2, s.packed, s.packed[:, 0], s.square, s.square[0]
        )[0],
        "packed in aten::_native_multi_head_attention",
    ),
    "distances": (lambda s, x, t: torch.cdist(t, s.square.repeat(5, 1)), "square in aten::_euclidean_dist"),
    "multiplied and summed": (lambda s, x, t: (t[..., None] * s.matrix).sum(-2), "element by element.*matrix"),
    "a depthwise kernel by hand": (
        lambda s, x, t: (F.unfold(x, 3).unflatten(1, (8, 9)) * s.kernel).sum(2),
        "element by element.*kernel",
    ),
    "a cosine": (lambda s, x, t: F.cosine_similarity(t[:, :, None], s.square, -1), "element by element.*square"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_a_weight_in_work_that_no_counter_sees_is_named(name):
    run, named = UNSEEN[name]
    parts = {"matrix": weight(8, 5), "square": weight(8, 8), "packed": weight(24, 8), "kernel": weight(8, 9, 1)}
    with pytest.raises(CountMismatchError, match=named):
        counts_of(Net(run, **parts))


@torch.jit.script
def scripted(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return x @ matrix


def test_what_one_counter_alone_sees_is_a_disagreement():
    with pytest.raises(CountMismatchError, match=f"{STEM + TOKENS * 40} by torch's counter, {STEM} by the plan"):
        counts_of(Net(lambda s, x, t: scripted(t, s.matrix), matrix=weight(8, 5)))


class AsksForTheWeight(nn.Module):
    """What EdgeNeXt does: it asks a layer for the dtype of its weight, which a compressed layer computes."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3)

    def forward(self, x):
        return self.second(self.first(x).to(self.second.weight.dtype))


def test_a_weight_that_is_computed_in_vain_is_no_work():
    net, image = AsksForTheWeight().eval(), torch.zeros(1, 3, 12, 12)
    planned = plan(net, get_method("svd"), image)
    small = compress(net, get_method("svd"), image)
    macs = planned.after.macs + planned.linear_macs
    counts = count_model(small, image, planned_weights=planned.after.weights, planned_macs=macs, what="compressed")
    assert counts.macs_torch == macs < planned.before.macs
    # but what is computed from weights alone and then applied counts
    bias = Net(lambda s, x, t: t + s.table @ s.matrix, table=weight(TOKENS, 8), matrix=weight(8, 8))
    assert counts_of(bias).macs == STEM + TOKENS * 64


def test_a_small_weighted_sum_is_element_wise_work():
    net = Net(lambda s, x, t: (torch.stack((t.mean(1), t.amax(1)), -1) * s.mix).sum(-1), mix=weight(2))
    assert counts_of(net).macs == STEM
    assert audit_weights(net, X).by_hand == {"mix": 2 * CHANNELS}
    scaled = Net(lambda s, x, t: (x * s.scale).mean((2, 3)), scale=weight(8, 1, 1))  # nothing of the weight is summed
    assert audit_weights(scaled, X).by_hand == {}


def test_parameters_without_a_use_are_listed_and_no_error():
    net = Net(lambda s, x, t: s.head(t), head=nn.Linear(8, 5), auxiliary=nn.Linear(8, 5), empty=weight(0))
    assert counts_of(net).unused == ["auxiliary.bias", "auxiliary.weight"]


def test_an_audit_leaves_the_model_as_it_is():
    net = Net(lambda s, x, t: s.norm(x), norm=nn.BatchNorm2d(8)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    audit_weights(net, X)
    assert net.training
    assert net.norm.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled() == fast


@pytest.mark.parametrize("method", ["svd", "kmeans", "fsnet", "basis", "tucker2"])
def test_all_that_a_compressed_layer_stores_takes_part(method):
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3))
    small = compress(net, get_method(method), X.repeat(1, 1, 3, 3), inefficient="replace")
    use = audit_weights(small, X.repeat(1, 1, 3, 3))
    assert (use.unused, use.uncounted, use.by_hand) == ([], {}, {})


@pytest.mark.parametrize("name", ["transformer", "operator and einsum", "convolution with offsets", "recurrent"])
def test_macs_of_a_batch_are_those_of_each_image(name):
    net, macs = NETS[name][0](), NETS[name][1]
    assert {trace(net, X.expand(n, -1, -1, -1)).macs for n in (1, 2, 5)} == {STEM + macs}
