"""The leaderboard: records to rows, rows to tables."""
