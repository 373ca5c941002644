"""Numbers in sentences."""


def counted(count: int, thing: str) -> str:
    """Return ``1 record`` or ``3 records``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
