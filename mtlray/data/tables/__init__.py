"""Data sets of one small published file each: tables, molecules and sentences."""

from mtlray.data.tables.clinc150 import CLINC150
from mtlray.data.tables.tox21 import Tox21
from mtlray.data.tables.yeast import Yeast

__all__ = ["CLINC150", "Tox21", "Yeast"]
