"""Data for classification: images with labels."""
