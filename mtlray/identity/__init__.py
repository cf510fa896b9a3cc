"""What makes a trial itself: specs as canonical JSON, digests of a user's code, and which code and packages ran."""
