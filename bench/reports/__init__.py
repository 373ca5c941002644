"""The reports: tables, rankings, comparisons, figures and a page of the records.

In: records, each trial once. Out: texts, files and pictures.

Each folder is one report: ``leaderboard``, ``ranking``, ``compare``, ``published`` (the papers' numbers), ``figures``,
``page``; ``export`` writes the leaderboard, and ``text`` has the writers that all share.
"""
