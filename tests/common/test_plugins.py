"""Plugins: imported first, named where they cannot be, and handed on to children."""

import sys

import pytest

from decompbench.common import plugins
from decompbench.common.plugins import PluginError, Plugins, load_all, load_installed, loaded


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(plugins, "_loaded", [])
    monkeypatch.setattr(plugins, "_installed_loaded", False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})


def test_they_are_found_in_their_folder_and_handed_on(tmp_path):
    (tmp_path / "made_up_plugin.py").write_text("import made_up_neighbour\n")
    (tmp_path / "made_up_neighbour.py").write_text("")
    first = Plugins(("made_up_plugin",), str(tmp_path))
    load_all((Plugins(), first, first))
    assert "made_up_neighbour" in sys.modules
    assert loaded() == (first,)


def test_python_s_own_modules_are_not_hidden_by_a_folder(tmp_path):
    (tmp_path / "colorsys.py").write_text("")
    sys.modules.pop("colorsys", None)
    Plugins(("colorsys",), str(tmp_path)).load()
    assert hasattr(sys.modules["colorsys"], "rgb_to_hsv")


@pytest.mark.parametrize("text", ["raise KeyError('a\\nb')", "exit(3)", "def f(:", "import made_up_library"])
def test_one_that_fails_is_named_in_a_line(tmp_path, text):
    (tmp_path / "made_up_broken.py").write_text(text)
    with pytest.raises(PluginError, match=r"^a.yaml: plugins: cannot import 'made_up_broken': .*$") as error:
        Plugins(("made_up_broken",), str(tmp_path), "a.yaml: plugins").load()
    assert "\n" not in str(error.value)
    assert loaded() == ()


def install(folder, monkeypatch, module):
    """Announce a module as an installed package does."""
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{plugins.GROUP}]\nmine = {module}\n")
    monkeypatch.syspath_prepend(folder)


def test_installed_ones_are_imported_unless_that_is_not_wished(tmp_path, monkeypatch):
    (tmp_path / "made_up_installed.py").write_text("")
    install(tmp_path, monkeypatch, "made_up_installed")
    monkeypatch.setenv(plugins.VARIABLE, "none")
    load_installed()
    assert "made_up_installed" not in sys.modules
    monkeypatch.setattr(plugins, "_installed_loaded", False)
    monkeypatch.setenv(plugins.VARIABLE, "some")
    with pytest.raises(PluginError, match="DECOMPBENCH_PLUGINS=some: must be 'all' or 'none'"):
        load_installed()
    monkeypatch.setenv(plugins.VARIABLE, "all")
    load_installed()
    assert "made_up_installed" in sys.modules


def test_an_installed_one_that_fails_is_skipped_with_a_warning(tmp_path, monkeypatch):
    (tmp_path / "made_up_failing.py").write_text("1 / 0\n")
    install(tmp_path, monkeypatch, "made_up_failing")
    monkeypatch.setenv(plugins.VARIABLE, "all")
    with pytest.warns(UserWarning, match=r"plugin 'mine' \(made_up_failing\) was skipped: ZeroDivisionError"):
        load_installed()
