"""The leaf that all packages of decompbench share: hints for wrong names, shares in words, and files
written whole or not at all.

It imports nothing but the standard library. In: names, numbers and paths. Out: text, and files on the disk.
"""
