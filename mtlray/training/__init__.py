"""From a pack of specs and a data set to curves: the loop, and what it needs at each step. Writes nothing."""
