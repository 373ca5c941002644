"""bench/reports/leaderboard."""
