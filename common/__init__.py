"""The leaf that all packages of decompbench share: hints for wrong names, plugins, files written whole or not at all.

It imports nothing but the standard library, and plugins. In: names and paths. Out: text, and files on the disk.
"""
