"""Provenance: libraries, revision, digests of source code, and the declared versions that keys are made of."""
