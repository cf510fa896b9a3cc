"""Prepared arrays on this disk, fetched from elsewhere or downloaded."""
