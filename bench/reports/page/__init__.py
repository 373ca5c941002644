"""The leaderboard as one HTML page that opens from disk: tables, plots, plans and training curves of the records."""

from .build import page, write_page

__all__ = ["page", "write_page"]
