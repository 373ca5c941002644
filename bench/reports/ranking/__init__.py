"""Fair ranking: methods at equal budget, in cells of model and data and over all cells; fronts and hypervolumes."""

from ..budgets import CostBudget, parse_budget
from .average import AverageRanks, Friedman, average_ranks, compare_scores, critical_difference
from .cells import Cell, Point, find_cells
from .pareto import hypervolume, pareto_front
from .ranks import CellRanking, Lacking, RankedRow, rank_cells

__all__ = [
    "AverageRanks",
    "Cell",
    "CellRanking",
    "CostBudget",
    "Friedman",
    "Lacking",
    "Point",
    "RankedRow",
    "average_ranks",
    "compare_scores",
    "critical_difference",
    "find_cells",
    "hypervolume",
    "pareto_front",
    "parse_budget",
    "rank_cells",
]
