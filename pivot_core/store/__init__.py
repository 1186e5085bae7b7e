"""The edge to the disk: cache, checkout, lock files, state, journal, settings.

The light half (layout, place, atomic, hashing, ignore, content, cache, checkout, aside) is what a worker imports.
"""
