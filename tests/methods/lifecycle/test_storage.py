"""Storage: a loaded model has the bits that were saved, and a file that does not fit is refused in words."""

import os

import pytest
import torch

from decompbench.methods import (
    SVD,
    Basis,
    FSNet,
    KMeans,
    Select,
    StorageError,
    Target,
    Tucker2,
    begin,
    compress,
    count_stored,
    deploy,
    get_method,
    list_methods,
    load,
    plan,
    save,
)
from decompbench.models import load_model

from ..cases import SmallNet, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)
VARIANTS = [
    *((name, {}) for name in list_methods()),
    ("kmeans", {"symmetry": "D4", "scale_bits": 5, "codebook": "group"}),
    ("fsnet", {"weight_bits": 8}),
]
SETTINGS = {"kmeans": {"clusters": 20}, "basis": {"sharing": "group"}, "tucker2": {"learn": "arp"}}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_loaded_model_gives_bit_equal_outputs(name, settings, dtype, tmp_path):
    net = small_net().to(dtype)
    # planning in the dtype of the model, as a user would
    small = compress(net, get_method(name, **{**SETTINGS.get(name, {}), **settings}), EXAMPLE.to(dtype)).eval()
    again = load(save(small, tmp_path / "small.safetensors"), model=SmallNet())
    assert torch.equal(again(EXAMPLE.to(dtype)), small(EXAMPLE.to(dtype)))
    assert count_stored(again) == count_stored(small)


def test_a_named_model_is_rebuilt_from_the_file_alone(tmp_path):
    net = load_model("resnet8", in_chans=1, num_classes=3)
    x = torch.randn(2, 1, 28, 28)
    small = compress(net, SVD(0.3), x).eval()
    again = load(save(small, tmp_path / "small.safetensors"))
    assert again.decompbench_plan == small.decompbench_plan
    assert torch.equal(again(x), small(x))


def test_shared_tensors_are_stored_once_and_stay_shared(tmp_path):
    small = compress(small_net(), Basis(0.3, sharing="network"), EXAMPLE)
    path = save(small, tmp_path / "shared.safetensors")
    again = load(path, model=SmallNet())
    assert again.stage1[0][0].basis.weight is again.stage2[1][0].basis.weight
    apart = compress(small_net(), Basis(0.3), EXAMPLE)
    assert os.path.getsize(path) < os.path.getsize(save(apart, tmp_path / "apart.safetensors")) + 10_000


def test_channels_last_comes_back(tmp_path):
    small = compress(small_net().to(memory_format=torch.channels_last), SVD(0.3), EXAMPLE).eval()
    again = load(save(small, tmp_path / "a.safetensors"), model=SmallNet())
    weight = again.stage1[0][0].first.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))


def test_a_dense_model_is_saved_too(tmp_path):
    net = small_net()
    again = load(save(net, tmp_path / "dense.safetensors"), model=SmallNet())
    assert torch.equal(again(EXAMPLE), net(EXAMPLE))


def test_a_nameless_model_has_to_be_given(tmp_path):
    path = save(compress(small_net(), SVD(0.3), EXAMPLE), tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match="model="):
        load(path)


def test_the_wrong_model_is_refused(tmp_path):
    path = save(compress(small_net(), SVD(0.3), EXAMPLE), tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match="does not fit"):
        load(path, model=SmallNet(channels=16))
    dense = save(small_net(), tmp_path / "dense.safetensors")
    with pytest.raises(StorageError, match=r"of another shape: depthwise.bias is .* and 22 more"):
        load(dense, model=SmallNet(channels=16))


@pytest.mark.parametrize("forms", ["fastest", "compact"])
def test_a_deployed_model_is_refused(forms, tmp_path):
    deployed = deploy(compress(small_net(), SVD(0.3), EXAMPLE), EXAMPLE, forms=forms)
    with pytest.raises(StorageError, match=r"save the model it was deployed from.*torch\.export"):
        save(deployed, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_finished_is_refused(tmp_path):
    net = small_net()
    session = begin(net, plan(net, SVD(0.3), EXAMPLE))
    with pytest.raises(StorageError, match=r"'stage1\.0\.0', a FactoredConv2d.*Session\.finish"):
        save(net, tmp_path / "a.safetensors")
    save(session.finish(), tmp_path / "a.safetensors")


STAGES = [
    (SVD(0.3), SVD(0.3)),
    (Basis(0.3, sharing="network"), Basis(0.3, sharing="network")),
    (KMeans(5), Tucker2(0.4, coefficients="identity")),
    (FSNet(), KMeans(20, scale_bits=4)),
]


@pytest.mark.parametrize("methods", STAGES, ids=str)
def test_a_model_compressed_in_stages_is_saved_with_the_plan_of_all(methods, tmp_path):
    net = small_net()
    for method, stage in zip(methods, ("stage1*", "stage2*"), strict=True):
        compress(net, method, EXAMPLE, select=Select(include=(stage,)))
    whole, dense = net.decompbench_plan, plan(small_net(), methods[0], EXAMPLE)
    assert [layer.spec for layer in whole.layers] == [layer.spec for layer in dense.layers]
    assert (whole.before, whole.linear_macs) == (dense.before, dense.linear_macs)
    compressed = {path: str(group.method) for group in whole.groups for path in group.paths}
    assert compressed == {layer.path: str(whole.method_of(layer)) for layer in whole.layers if layer.group is not None}
    assert compressed == {
        f"stage{stage}.{block}.0": str(method) for stage, method in enumerate(methods, 1) for block in (0, 1)
    }
    stored = count_stored(net)
    assert (stored.weights, stored.bits) == (whole.after.weights, whole.after.bits)
    again = load(save(net, tmp_path / "a.safetensors"), model=SmallNet())
    assert torch.equal(again(EXAMPLE), net.eval()(EXAMPLE))
    assert again.decompbench_plan == whole


def test_a_stage_takes_what_the_one_before_left_out(tmp_path):
    net = compress(small_net(), SVD(), EXAMPLE, Target(params=0.97), select=Select(include=("stage1.0*", "depthwise")))
    reason = {layer.path: layer.reason for layer in net.decompbench_plan.layers}
    assert reason["depthwise"].startswith("depthwise")
    compress(net, KMeans(4), EXAMPLE, select=Select(exclude=("stage2*",)))
    whole = net.decompbench_plan
    assert (whole.target, whole.note) == (None, None)
    assert {path for group in whole.groups for path in group.paths} == {"stem", "stage1.0.0", "stage1.1.0", "depthwise"}
    assert count_stored(load(save(net, tmp_path / "a.st"), model=SmallNet())).bits == whole.after.bits


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write \S+a\.safetensors: there is no folder \S+absent$"):
        save(small_net(), tmp_path / "absent" / "a.safetensors")


def test_files_that_are_not_ours_are_refused(tmp_path):
    from safetensors.torch import save_file

    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(StorageError, match="not written by"):
        load(other)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\x00" * 20)
    with pytest.raises(StorageError, match="cannot read"):
        load(damaged)
    with pytest.raises(StorageError, match="cannot read"):
        load(tmp_path / "missing.safetensors")


def test_who_may_read_a_saved_file_is_as_for_any_other(tmp_path):
    (tmp_path / "other").touch()
    path = save(small_net(), tmp_path / "a.safetensors")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save(small_net(), tmp_path / "a.safetensors")
    before = path.read_bytes()

    def full_disk(source, destination):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(StorageError, match="No space left"):
        save(compress(small_net(), SVD(0.3), EXAMPLE), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
