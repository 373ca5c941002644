"""The example plugin keeps the promises its documentation makes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from decompbench.methods import Target, compress, count_stored, get_method, load, plan, save
from decompbench.methods.contract import registry as registry_module
from tests.methods.cases import SmallNet, relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)
FOLDER = Path(__file__).parent.parent / "examples" / "plugin"


@pytest.fixture(scope="module", autouse=True)
def plugin():
    sys.path.insert(0, str(FOLDER))
    import random_projection

    yield random_projection.RandomProjection
    sys.path.remove(str(FOLDER))
    registry_module._methods.pop("random-projection")


def test_it_is_sized_saved_and_loaded(tmp_path):
    net = small_net()
    todo = plan(net, get_method("random-projection"), EXAMPLE, Target(params=0.5))
    small = compress(net, get_method("random-projection"), EXAMPLE, Target(params=0.5)).eval()
    assert count_stored(small).weights == todo.after.weights
    again = load(save(small, tmp_path / "small.safetensors"), model=SmallNet())
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))


def test_its_own_tests_pass():
    # in a process of its own, as its author runs them: the whole conformance suite
    command = [sys.executable, "-m", "pytest", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_full_rank_is_exact(plugin):
    conv = torch.nn.Conv2d(4, 40, 3, stride=2)
    from tests.methods.cases import compressed

    x = torch.randn(1, 4, 9, 9)
    assert relative_error(compressed(conv, plugin(1.0), x)(x), conv(x)) < 1e-5
