"""Packed integers: the smallest number of bytes, and the same numbers back."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from decompbench.methods import KMeans, StorageError, compress, load, save
from decompbench.methods.numerics import bits as packing
from decompbench.methods.numerics.bits import pack, unpack

from ..cases import SmallNet, small_net


@settings(max_examples=50, deadline=None)
@given(bits=st.integers(0, 31), data=st.data())
def test_numbers_come_back(bits, data):
    numbers = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    packed = pack(torch.tensor(numbers, dtype=torch.int64), bits)
    assert packed.dtype == torch.uint8
    assert len(packed) == -(-len(numbers) * bits // 8)
    assert unpack(packed, bits, len(numbers)).tolist() == numbers


@pytest.mark.parametrize("bits", [3, 7, 10])
def test_parts_fit_together(bits, monkeypatch):
    monkeypatch.setattr(packing, "NUMBERS_AT_A_TIME", 16)
    numbers = torch.randint(2**bits, (13, 7))
    assert torch.equal(unpack(pack(numbers, bits), bits, 91), numbers.flatten().int())


@pytest.mark.parametrize("change", [{"bits": 99}, {"bits": 9}, {"shape": [1, 1]}, {"dtype": "load"}])
def test_damaged_packing_is_refused(change, tmp_path):
    path = save(compress(small_net(), KMeans(20), torch.randn(1, 3, 12, 12)), tmp_path / "a.safetensors")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    packed = json.loads(metadata["packed"])
    packed["stem.index"] |= change
    save_file(tensors, path, metadata | {"packed": json.dumps(packed)})
    with pytest.raises(StorageError, match="damaged"):
        load(path, model=SmallNet())
