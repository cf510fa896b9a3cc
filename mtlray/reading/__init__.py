"""Files that people bring: each kind is read in one guarded way, and what is wrong with one is told by its cause."""
