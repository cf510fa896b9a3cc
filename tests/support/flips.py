"""Files with single bits flipped."""

import numpy as np


def flips(content, n, seed=0, first=0, last=None):
    """`n` copies of some bytes with one bit flipped in each, between the places `first` and `last`; every bit where they are
    fewer.
    """
    places = np.arange(8 * first, 8 * (len(content) if last is None else last))
    for place in np.random.default_rng(seed).permutation(places)[:n].tolist():
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)
