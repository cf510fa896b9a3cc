"""Bytes on a disk or an object store: whole or absent, sealed, and with a place to die in at every step for the tests."""
