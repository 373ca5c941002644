"""Values as CSV, unrounded: rows of Python values, or an Arrow table.

Commas, quotes and line ends within a cell are quoted (RFC 4180). A text that a spreadsheet would run as a formula gets
an apostrophe in front; numbers are left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: How a formula begins.
FORMULA = r"^([=+\-@\t\r])"
#: Kinds of numpy's types whose columns hold numbers alone.
NUMBERS = "biufc"


def rows_to_csv(rows: pd.DataFrame | Sequence[Mapping[str, Any]], *, guard: bool = True) -> str:
    """Return rows as CSV, below a line of headings.

    Parameters
    ----------
    rows
        A frame, or a mapping for each row. A cell may be a mapping, which becomes JSON, or a list, whose items are
        joined by semicolons.
    guard
        Guard against formulas; False for a reader that is no spreadsheet.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    texts = {
        str(name): pd.Series([_cell(value, guard) for value in column], index=frame.index, dtype=object)
        for name, column in frame.items()
        if column.dtype.kind not in NUMBERS
    }
    return frame.assign(**texts).to_csv(index=False)


def arrow_to_csv(table: pa.Table) -> bytes:
    """Return an Arrow table as CSV, with every text in quotes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.csv import write_csv

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            options = pc.ReplaceSubstringOptions(FORMULA, r"'\1")
            texts = pc.call_function("replace_substring_regex", [table.column(place)], options)
            table = table.set_column(place, field, texts)
    sink = pa.BufferOutputStream()
    write_csv(table, sink)
    return sink.getvalue().to_pybytes()


def _cell(value: Any, guard: bool) -> Any:
    if isinstance(value, Mapping):
        value = json.dumps(value, sort_keys=True, default=str)
    elif isinstance(value, (list, tuple)):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return value
    # a carriage return would end the line: the writer quotes cells for line feeds only
    return (re.sub(FORMULA, r"'\1", value) if guard else value).replace("\r\n", "\n").replace("\r", "\n")
