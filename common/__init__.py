"""The leaf that all packages of decompbench share: hints for wrong names, shares in words, plugins, safe files.

It imports nothing but the standard library, and plugins. In: names, numbers and paths. Out: text, and files on the
disk, written whole or not at all.
"""
