"""Files of figures: equal for equal figures, whole or not at all; the caller's style stays unchanged."""

import matplotlib as mpl
import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_ranks, save
from decompbench.bench.reports.figures.style import COLOURS, MARKERS, looks

RANKS = {"svd": 1.5, "tucker2": 1.5, "cp": 3.0}


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_figure_drawn_again_is_the_same_file(suffix, start, tmp_path):
    for name in ("one", "two"):
        save(draw_ranks(RANKS), tmp_path / f"{name}.{suffix}")
    one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.startswith(start)


def test_a_name_without_a_known_format_is_told(tmp_path):
    with pytest.raises(BenchError, match=r"\.jpg: the name must end in \.pdf, \.png, \.svg"):
        save(draw_ranks(RANKS), tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BenchError, match="cannot write"):
        save(draw_ranks(RANKS), tmp_path / "file" / "x.svg")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_callers_style_stays():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 33.0}):
        draw_ranks(RANKS)
        assert mpl.rcParams["font.size"] == 33.0
    assert dict(mpl.rcParams) == before


def test_a_method_looks_the_same_whoever_stands_beside_it():
    assert looks(["svd", "mine"])["svd"] == looks(["basis", "svd", "tucker2"])["svd"]


def test_methods_are_told_apart_whatever_their_order():
    names = [f"method{number}" for number in range(len(COLOURS) * len(MARKERS))]
    found = looks(names)
    assert len(set(found.values())) == len(names)
    assert found == looks(reversed(names))
