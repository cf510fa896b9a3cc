"""Heads of many tasks, and networks of many seeds, computed as one."""
