"""Contributing: one's own records, validated, are added to the results that the repository commits.

In: two results folders. Out: lines added to the second, and what to commit.
"""

from .report import Contribution
from .run import contribute

__all__ = ["Contribution", "contribute"]
