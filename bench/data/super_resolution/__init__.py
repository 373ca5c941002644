"""Data for super-resolution: images at two resolutions."""
