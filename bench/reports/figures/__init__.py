"""Figures for papers, drawn by matplotlib as SVG, PDF or PNG: equal records give equal bytes."""

from .curves import draw_curves
from .layers import draw_layers
from .make import FigureKind, Options, make_figure
from .pareto import draw_pareto
from .penalty import draw_penalty
from .pictures.draw import draw_images
from .ranks import draw_ranks
from .spectra import draw_spectra
from .style import save

__all__ = [
    "FigureKind",
    "Options",
    "draw_curves",
    "draw_images",
    "draw_layers",
    "draw_pareto",
    "draw_penalty",
    "draw_ranks",
    "draw_spectra",
    "make_figure",
    "save",
]
