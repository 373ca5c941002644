"""Names of data that is put together."""

from pathlib import Path

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.data.names import relocate_data, split_data


def test_parts():
    assert split_data("photographs") == ("photographs", ())
    assert split_data("div2k:a b -> sr:c, photographs") == ("div2k:a b", ("sr:c", "photographs"))


@pytest.mark.parametrize("name", ["", " -> sr:a", "a -> ", "a -> b, ", "a -> b -> c"])
def test_parts_that_lack(name):
    with pytest.raises(BenchError, match="must be one name, or like"):
        split_data(name)


def test_folders_start_from_another(tmp_path):
    elsewhere = Path("/elsewhere").resolve()
    assert relocate_data("photographs", tmp_path) == "photographs"
    assert relocate_data("sr:a -> sr:../b, photographs, sr:/elsewhere", tmp_path / "suites") == (
        f"sr:{tmp_path / 'suites' / 'a'} -> sr:{tmp_path / 'b'}, photographs, sr:{elsewhere}"
    )
    assert relocate_data("sr:~/a", tmp_path) == f"sr:{Path.home() / 'a'}"
