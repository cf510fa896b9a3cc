"""A user's own code: which modules it is, what in them can decide numbers, and running it from the bytes that were hashed."""
