"""bench/suite/packaged."""
