"""Data for detection: images with objects in boxes."""
