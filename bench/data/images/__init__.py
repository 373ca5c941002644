"""Image files: found in folders, decoded, resized, kept decoded."""
