"""The papers' tables as data, a file for each paper. TABLES has them all, by name."""

from mtlray.analysis.grid.published_tables import gong2019, xu2025

TABLES = {table.name: table for table in (*gong2019.TABLES, *xu2025.TABLES)}
