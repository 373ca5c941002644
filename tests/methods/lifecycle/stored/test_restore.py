"""The state in a file: what tensors are and how they lie in memory comes back, or is refused by name."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm

from decompbench.methods import SVD, Select, StorageError, compress, load, save

from ...cases import SmallNet

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
FIRST = Path(__file__).with_name("saved_at_first.safetensors")


class Base(nn.Module):
    """A convolution, and what a case adds to it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.add()

    def add(self):
        pass

    def forward(self, x):
        return self.conv(x)


class TwoLinears(Base):
    """An encoder and a decoder; ``tie`` says what they have in common."""

    tie = "nothing"

    def add(self):
        self.enc, self.dec = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        tied = {
            "tensor": lambda: self.enc.weight,
            "memory": lambda: nn.Parameter(self.enc.weight.data),
            "transposed": lambda: nn.Parameter(self.enc.weight.data.t()),
        }
        if self.tie in tied:
            self.dec.weight = tied[self.tie]()
        elif self.tie == "module":
            self.dec = self.enc

    def forward(self, x):
        return self.dec(self.enc(self.conv(x)).relu())


class Flat(Base):
    """One flat parameter, and views of it that overlap."""

    def add(self):
        self.flat = nn.Parameter(torch.randn(100))
        self.a, self.b = nn.Parameter(self.flat.data[:64].view(8, 8)), nn.Parameter(self.flat.data[60:68])

    def forward(self, x):
        return self.conv(x) @ self.a + self.b * self.flat.sum()


class Overlapping(Base):
    """Views of memory that none of them covers, of several types."""

    def add(self):
        memory = torch.randn(102)[2:]
        self.a = nn.Parameter(memory[:64].view(8, 8))
        self.register_buffer("b", memory[60:68].view(2, 4).t())
        self.register_buffer("bits", memory[1:].view(torch.int32))
        self.register_buffer("wide", memory[2:].view(torch.float64))

    def forward(self, x):
        return self.conv(x) @ self.a + self.b.sum() + self.bits.float().mean()


class Expanded(Base):
    """Tensors of which many elements lie in one place."""

    def add(self):
        self.register_buffer("rows", torch.randn(1, 8, 1, 1).expand(2, 8, 8, 8))
        self.register_buffer("windows", torch.randn(9).as_strided((3, 4), (2, 1)))

    def forward(self, x):
        return self.conv(x) + self.rows * self.windows.sum()


class Strided(Base):
    """Strides of all kinds."""

    def add(self):
        self.columns = nn.Parameter(torch.randn(8, 5).t())
        self.register_buffer("every_third", torch.randn(10, 10)[:, ::3])
        self.one = nn.Conv2d(8, 8, 1).to(memory_format=torch.channels_last)
        self.deep = nn.Conv3d(2, 2, 3).to(memory_format=torch.channels_last_3d)

    def forward(self, x):
        return self.one(self.conv(x)) * self.columns.sum() + self.every_third.sum()


class Kinds(Base):
    """Tensors of all types and shapes."""

    def add(self):
        self.register_buffer("empty", torch.empty(0, 3))
        self.register_buffer("also_empty", torch.empty(0, 3))
        self.register_buffer("number", torch.tensor(2.5))
        self.register_buffer("special", torch.tensor([float("nan"), -0.0, float("inf")]))
        self.register_buffer("mask", (torch.rand(7, 3) > 0.5).t())
        self.register_buffer("conjugate", torch.randn(3, dtype=torch.complex64).conj())
        for dtype in ("float8_e4m3fn", "bfloat16", "float64", "uint16", "int8"):
            self.register_buffer(f"of_{dtype}", torch.randn(5).abs().to(getattr(torch, dtype)))
        self.listed, self.named = nn.ParameterList([torch.randn(2)]), nn.ParameterDict({"a/b": torch.randn(2)})


class Extra(Base):
    """State that torch keeps beside the tensors."""

    def add(self):
        self.state = {
            "scale": torch.randn(8).expand(2, 8),
            1: (2.5, float("inf"), None, b"ab"),
            "more": [1, {"x": torch.half}],
        }

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        self.state = state

    def forward(self, x):
        return self.conv(x) * self.state["scale"].sum()


class ExtraTensor(Extra):
    def add(self):
        self.state = torch.randn(8)

    def forward(self, x):
        return self.conv(x) * self.state.sum()


class TwoNames(Base):
    """A convolution under two names."""

    def add(self):
        self.again, self.listed = self.conv, nn.ModuleList([self.conv, nn.Conv2d(8, 8, 1)])

    def forward(self, x):
        return self.again(x) + self.listed[0](x)


class Hooked(Base):
    """A state dict that is not what the model has: other names, less precision."""

    def add(self):
        def rename(module, state, prefix, metadata):
            for name in list(state):
                state[f"old_{name}"] = state.pop(name).half()

        self._register_state_dict_hook(rename)


class Watching(Base):
    """A tensor that is no part of the state and sees one that is."""

    def add(self):
        self.w = nn.Parameter(torch.randn(8, 8))
        self.table = self.w.data.t()

    def forward(self, x):
        return self.conv(x) @ self.table


class Frozen(Base):
    def add(self):
        self.other = nn.Conv2d(8, 8, 1).requires_grad_(False)


class Recurrent(Base):
    def add(self):
        self.lstm = nn.LSTM(8, 8, batch_first=True)

    def forward(self, x):
        return self.lstm(self.conv(x).flatten(1, 2))[0]


class Pruned(Base):
    def add(self):
        self.pruned, self.normed = nn.Conv2d(8, 8, 1), weight_norm(nn.Conv2d(8, 8, 1))
        prune.l1_unstructured(self.pruned, "weight", 0.5)

    def forward(self, x):
        return self.normed(self.pruned(self.conv(x)))


KINDS = [Base, Flat, Overlapping, Expanded, Strided, Kinds, Extra, ExtraTensor, TwoNames, Hooked, Watching, Frozen,
         Recurrent, Pruned]  # fmt: skip
TIES = ["nothing", "tensor", "memory", "transposed", "module"]


def built(kind, seed, tie="nothing"):
    torch.manual_seed(seed)
    return type(kind.__name__, (kind,), {"tie": tie})().eval()


def state(model):
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return dict(tensors)


def as_bytes(tensor):
    tensor = tensor.detach().resolve_conj().contiguous()
    return tensor.reshape(-1).view(torch.uint8) if tensor.numel() else tensor


def require_equal(loaded, saved):
    """Values, types, strides, what is frozen and what is the same: of tensors and of memory."""
    found, wanted = state(loaded), state(saved)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        own = found[name]
        assert (own.dtype, own.shape, own.requires_grad) == (tensor.dtype, tensor.shape, tensor.requires_grad), name
        assert torch.equal(as_bytes(own), as_bytes(tensor)), name
        if tensor.numel():
            assert own.stride() == tensor.stride(), name
        for other in wanted:
            assert (own is found[other]) == (tensor is wanted[other]), (name, other)
            assert shares(own, found[other]) == shares(tensor, wanted[other]), (name, other)


def shares(one, other):
    """Tell whether a change of the whole of one would be seen in the other."""
    if not (one.numel() and other.numel()):
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


@pytest.mark.parametrize("compressed", [False, True], ids=["dense", "compressed"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_state_comes_back_bit_for_bit(kind, compressed, tmp_path):
    saved, model = built(kind, 0), built(kind, 1)
    model.requires_grad_(True)
    if compressed:
        compress(saved, SVD(0.5), X, select=Select(include=("conv",)), inefficient="replace").eval()
    loaded = load(save(saved, tmp_path / "a.safetensors"), model=model)
    require_equal(loaded, saved)
    with torch.no_grad():
        assert torch.equal(loaded(X), saved(X))


@pytest.mark.parametrize("built_with", TIES[:-1])
@pytest.mark.parametrize("tie", TIES)
def test_ties_are_those_of_the_saved_model_whatever_the_built_one_has(tie, built_with, tmp_path):
    saved = built(TwoLinears, 0, tie)
    loaded = load(save(saved, tmp_path / "a.safetensors"), model=built(TwoLinears, 1, built_with))
    with torch.no_grad():
        assert torch.equal(loaded(X), saved(X))
        assert (loaded.enc.weight is loaded.dec.weight) == (tie in ("tensor", "module"))
        before = loaded.dec.weight.clone()
        loaded.enc.weight.add_(1)
        assert torch.equal(loaded.dec.weight, before + (tie != "nothing"))


def test_one_tensor_is_not_made_two(tmp_path):
    path = save(built(TwoLinears, 0), tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match=r"dec\.weight and enc\.weight are one in the model, and two in the file"):
        load(path, model=built(TwoLinears, 1, "module"))


def test_memory_in_common_is_stored_once(tmp_path):
    sizes = [save(built(TwoLinears, 0, tie), tmp_path / tie).stat().st_size for tie in TIES]
    assert max(sizes[1:]) < sizes[0]
    with safe_open(save(built(Flat, 0), tmp_path / "flat"), "pt") as file:
        assert sorted(file.keys()) == ["conv.bias", "conv.weight", "flat"]
    with safe_open(save(built(Overlapping, 0), tmp_path / "overlapping"), "pt") as file:
        assert sorted(file.keys()) == ["a/memory", "conv.bias", "conv.weight"]


def test_extra_state_is_what_it_was(tmp_path):
    saved = built(Extra, 0)
    loaded = load(save(saved, tmp_path / "a.safetensors"), model=built(Extra, 1))
    scale = loaded.state.pop("scale")
    assert torch.equal(scale, saved.state["scale"])
    assert loaded.state == {1: (2.5, float("inf"), None, b"ab"), "more": [1, {"x": torch.half}]}


def test_what_a_module_keeps_by_itself_sees_the_loaded_values(tmp_path):
    loaded = load(save(built(Watching, 0), tmp_path / "a.safetensors"), model=built(Watching, 1))
    with torch.no_grad():
        loaded.w.zero_()
    assert not loaded.table.any()


def test_computed_buffers_have_the_type_of_the_saved_model(tmp_path):
    class Rotary(Base):
        def add(self):
            self.register_buffer("table", torch.arange(8.0), persistent=False)

        def forward(self, x):
            return self.conv(x) + self.table

    saved = built(Rotary, 0).bfloat16()
    loaded = load(save(saved, tmp_path / "a.safetensors"), model=built(Rotary, 1))
    with torch.no_grad():
        assert torch.equal(loaded(X.bfloat16()), saved(X.bfloat16()))


class Own(torch.Tensor):
    pass


def with_buffer(make):
    net = Base()
    net.register_buffer("odd", make())
    return net


class OwnState(Base):
    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}kept"] = torch.zeros(3)


class Odd(Extra):
    def add(self):
        self.state = {"thing": object()}


def quantised():
    return torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_buffer(lambda: torch.eye(3).to_sparse()), r"^odd cannot be stored: its layout is sparse_coo$"),
        (lambda: with_buffer(quantised), r"^odd cannot be stored: it is qint8$"),
        (lambda: with_buffer(lambda: torch.zeros(3, dtype=torch.complex128)), r"^odd cannot .*: it is complex128$"),
        (lambda: with_buffer(lambda: torch.zeros(3).as_subclass(Own)), r"^odd cannot be stored: it is a Own$"),
        (
            lambda: with_buffer(lambda: torch.zeros(3, device="meta")),
            r"^odd cannot .*: it is on the meta device",
        ),
        (lambda: nn.Sequential(nn.LazyLinear(3)), r"^0\.weight has no size yet"),
        (OwnState, r"^kept is made by the _save_to_state_dict of OwnState"),
        (Odd, r"^_extra_state/thing cannot be stored: it is a object"),
        (lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 1))), "is a scripted module: save the one"),
        (lambda: "resnet18", "the model is a torch.nn.Module"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_by_name(make, message, tmp_path):
    with pytest.raises(Exception, match=message) as caught:
        save(make(), tmp_path / "a.safetensors")
    assert isinstance(caught.value, ValueError)
    assert not list(tmp_path.iterdir())


def test_a_model_that_changes_what_it_is_given_is_refused(tmp_path):
    class Doubling(Base):
        def add(self):
            def double(state, *_):
                state.update({name: 2 * value for name, value in state.items()})

            self._register_load_state_dict_pre_hook(double)

    path = save(built(Base, 0), tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match=r"conv\.weight is changed by the model's own hooks"):
        load(path, model=built(Doubling, 1))


def test_a_model_without_values_is_refused(tmp_path):
    path = save(built(Base, 0), tmp_path / "a.safetensors")
    with torch.device("meta"):
        model = Base()
    with pytest.raises(StorageError, match=r"conv\.weight .* meta device"):
        load(path, model=model)


def test_a_state_that_has_grown_is_refused(tmp_path):
    net = with_buffer(lambda: torch.zeros(3))
    path = save(net, tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match=r"of another shape: odd is \(3,\), not \(5,\)"):
        load(path, model=with_buffer(lambda: torch.zeros(5)))


def test_a_compiled_model_is_saved_as_the_model_it_is_made_of(tmp_path):
    net = built(Base, 0)
    path = save(torch.compile(net, backend="eager"), tmp_path / "a.safetensors")
    require_equal(load(path, model=built(Base, 1)), net)


def test_numbers_that_do_not_fit_their_bits_are_stored_whole(tmp_path):
    from decompbench.methods import KMeans

    saved = compress(SmallNet(), KMeans(5), torch.randn(2, 3, 12, 12)).eval()
    index = next(buffer for name, buffer in saved.named_buffers() if name.endswith("index"))
    index[0] = 200
    # without an example nothing is run, which no centroid of this number would survive
    vars(saved).update(decompbench_plan=dataclasses.replace(saved.decompbench_plan, example=None))
    loaded = load(save(saved, tmp_path / "a.safetensors"), model=SmallNet())
    require_equal(loaded, saved)


def written(path, tensors, **metadata):
    """Write a file by hand."""
    parts = {"model": None, "plan": None, "aliases": {}, "channels_last": [], "packed": {}, **metadata}
    save_file(tensors, path, {"format": "decompbench-1", **{name: json.dumps(part) for name, part in parts.items()}})
    return path


def test_the_first_files_have_the_names_that_hooks_give(tmp_path):
    class Renaming(Base):
        def add(self):
            def rename(module, state, prefix, metadata):
                for name in list(state):
                    state[f"old_{name}"] = state.pop(name)

            self._register_state_dict_hook(rename)

    saved = built(Renaming, 0)
    tensors = {name: tensor.clone() for name, tensor in saved.state_dict().items()}
    assert "old_conv.weight" in tensors
    require_equal(load(written(tmp_path / "a.safetensors", tensors), model=built(Renaming, 1)), saved)


@pytest.mark.parametrize(
    "view",
    [
        {"of": "conv.bias", "offset": 1, "shape": [8], "stride": [1], "dtype": "float32"},
        {"of": "conv.bias", "offset": -1, "shape": [2], "stride": [1], "dtype": "float32"},
        {"of": "conv.bias", "offset": 0, "shape": [8], "stride": [1], "dtype": "float33"},
        {"of": "absent", "offset": 0, "shape": [8], "stride": [1], "dtype": "float32"},
        {"of": "conv.bias"},
    ],
)
def test_a_view_that_does_not_fit_is_refused(view, tmp_path):
    net = with_buffer(lambda: torch.zeros(8))
    tensors = {name: tensor for name, tensor in net.state_dict().items() if name != "odd"}
    path = written(tmp_path / "a.safetensors", tensors, views={"odd": view})
    with pytest.raises(StorageError, match="is damaged, or does not fit the model"):
        load(path, model=net)


def test_a_file_of_the_first_version_is_loaded():
    """It has shared, packed and channels-last tensors, and was written before strides and views were stored."""
    loaded = load(FIRST, model=SmallNet())
    assert loaded.stage1[0][0].basis.weight is loaded.stage1[1][0].basis.weight
    assert loaded.stage2[0][0].codebook is loaded.stage2[1][0].codebook
    assert not loaded.stem.weight.is_contiguous()
    digest = hashlib.sha256()
    for name, tensor in sorted(loaded.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(as_bytes(tensor).numpy().tobytes())
    assert digest.hexdigest() == "110988381e96bb95181f32e0e33b83162dc9b6cbe656f60e56ac3f3763050971"
    x = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    first = torch.tensor([0.030618421733379364, 0.10237705707550049, 0.17040830850601196, 0.004590488970279694])
    torch.testing.assert_close(loaded(x).flatten()[:4], first)
