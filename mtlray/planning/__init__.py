"""What a sweep has finished, what is left to run and why, and about how long that takes."""
