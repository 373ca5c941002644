"""The leaderboard, written: for people in every format, and as files for other programs."""
