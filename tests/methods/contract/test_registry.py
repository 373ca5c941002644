"""The registry: names, settings and plugins."""

import importlib.metadata
import warnings
from dataclasses import dataclass
from typing import Literal

import pytest

from decompbench.methods import (
    SVD,
    Basis,
    KMeans,
    MethodError,
    SettingError,
    Skip,
    Tucker2,
    UnknownNameError,
    get_method,
    list_methods,
    register,
)
from decompbench.methods.contract import registry as registry_module
from decompbench.methods.contract.method import Method


@dataclass(frozen=True)
class Own(Method):
    """A stranger's method: its ``__post_init__`` compares at once."""

    size: int = 1
    words: Literal["a", "b"] = "a"
    anything: tuple[int, ...] = ()

    name = "own"

    def __post_init__(self):
        assert self.size > 0

    def layer_cost(self, spec):
        return Skip("never")

    def compress_layer(self, conv, spec, generator):
        return conv


def test_the_six_methods_and_the_baselines_are_there():
    assert {"dense", "svd", "spatial-svd", "cp", "tt", "basis", "factor", "kmeans", "group", "tucker2", "fsnet"} <= set(
        list_methods()
    )


def test_typos_get_the_nearest_names():
    with pytest.raises(UnknownNameError, match="did you mean 'tucker2'"):
        get_method("tuker2")
    with pytest.raises(UnknownNameError, match="known: basis"):
        get_method("zzz")
    with pytest.raises(SettingError, match="no setting 'rnak': did you mean 'rank'"):
        get_method("svd", rnak=0.3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("svd", {"rank": 0}, "rank is a fraction"),
        ("spatial-svd", {"rank": 1.5}, "rank is a fraction"),
        ("tt", {"rank": 0}, "rank is a fraction"),
        ("cp", {"rank": 0}, "rank is a fraction"),
        ("cp", {"sweeps": -1}, "sweeps is not negative, got -1"),
        ("cp", {"ridge": 0}, "ridge is positive, got 0"),
        ("cp", {"tolerance": -1.0}, "tolerance is not negative"),
        ("svd", {"rank": "much"}, "svd: rank is a number, got 'much'"),
        ("kmeans", {"clusters": 2.5}, r"kmeans: clusters is a whole number, got 2\.5"),
        ("group", {"degree": True}, "group: degree is a whole number or None, got True"),
        ("basis", {"sharing": 3}, "basis: sharing is a text, got 3"),
        ("tucker2", {"learn": "magic"}, "learn is 'arp' or 'nuclear' or 'lc' or None, got 'magic'"),
        ("kmeans", {"clusters": 0}, "clusters is at least 1"),
        ("group", {"group_size": 0}, "group_size is at least 1"),
        ("fsnet", {"init": "zeros"}, "init is 'trained' or 'random'"),
        ("basis", {"sharing": "("}, "regular expression"),
        ("basis", {"gamma": -1.0}, "not negative"),
        ("factor", {"stacks": 0}, "stacks is at least 1"),
    ],
)
def test_bad_settings_are_refused_with_the_value(name, settings, message):
    with pytest.raises(SettingError, match=message):
        get_method(name, **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SVD(rank="a"), "svd: rank is a number, got 'a'"),
        (lambda: SVD(rank=True), "svd: rank is a number, got True"),
        (lambda: SVD(samples=2.5), r"svd: samples is a whole number, got 2\.5"),
        (lambda: KMeans(clusters=None), "kmeans: clusters is a whole number, got None"),
        (lambda: Basis(sliced="yes"), "basis: sliced is True or False, got 'yes'"),
        (lambda: Tucker2(learn="magic"), "tucker2: learn is 'arp' or"),
        (lambda: Own(size="much"), "own: size is a whole number, got 'much'"),
        (lambda: Own(words=["a"]), r"own: words is 'a' or 'b', got \['a'\]"),
    ],
)
def test_types_are_checked_where_a_method_is_constructed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("name", list_methods())
def test_every_method_describes_itself(name):
    method = get_method(name)
    assert method.name == name
    assert method.summary().endswith((".", ":"))
    assert method.kind in ("weight-space", "architectural", "none")
    assert method.kind == "none" or method.paper
    assert get_method(name, **method.settings()) == method


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """An installed package of somebody else's that announces a method."""
    package = tmp_path / "stranger-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[{registry_module.ENTRY_POINT_GROUP}]\nstrange = stranger:Strange\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "strange"


def test_plugins_are_left_alone_where_that_was_asked_for(stranger, monkeypatch):
    names = lambda group: [entry.name for entry in registry_module.entry_points(group)]  # noqa: E731
    for value in ("all", ""):
        monkeypatch.setenv("DECOMPBENCH_PLUGINS", value)
        assert stranger in names(registry_module.ENTRY_POINT_GROUP)
    monkeypatch.delenv("DECOMPBENCH_PLUGINS")
    assert stranger in names(registry_module.ENTRY_POINT_GROUP)
    monkeypatch.setenv("DECOMPBENCH_PLUGINS", "none")
    assert stranger not in names(registry_module.ENTRY_POINT_GROUP)
    assert names("decompbench.model_source") == ["decompbench"], "our own are no plugins"


def test_a_word_that_the_switch_does_not_know_is_refused(monkeypatch):
    monkeypatch.setenv("DECOMPBENCH_PLUGINS", "nome")
    with pytest.raises(MethodError, match="DECOMPBENCH_PLUGINS=nome: must be 'all' or 'none'"):
        registry_module.entry_points(registry_module.ENTRY_POINT_GROUP)


def test_two_methods_of_one_name_are_refused():
    with pytest.raises(MethodError, match="two methods are named 'svd'"):

        @register("svd")
        @dataclass(frozen=True)
        class Other(Method):
            def layer_cost(self, spec):
                return Skip("never")

            def compress_layer(self, conv, spec, generator):
                return conv


def test_a_plugin_that_fails_is_named_and_the_rest_goes_on(monkeypatch):
    broken = importlib.metadata.EntryPoint("broken", "no_such_package:Nothing", registry_module.ENTRY_POINT_GROUP)
    wrong = importlib.metadata.EntryPoint("wrong", "collections:OrderedDict", registry_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [broken, wrong])
    monkeypatch.setattr(registry_module, "_plugins_loaded", False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert "svd" in list_methods()
    messages = [str(w.message) for w in caught]
    assert any("'broken'" in message and "no_such_package" in message for message in messages)
    assert any("'wrong'" in message and "not a subclass" in message for message in messages)
