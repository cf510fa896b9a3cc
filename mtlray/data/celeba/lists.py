"""CelebA's two lists: forty attributes of each picture, and the part to which it belongs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mtlray.data.base import SplitName
from mtlray.reading.causes import Cause, ReadError, check_kind, guarded
from mtlray.reading.checksums import require_md5

ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose"),
    *("Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses"),
    *("Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache"),
    *("Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick"),
    *("Wearing_Necklace", "Wearing_Necktie", "Young"),
)

ATTRIBUTE_LIST, PART_LIST, ARCHIVE = "list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba.zip"

# As in torchvision.datasets.CelebA.
MD5: Mapping[str, str] = MappingProxyType(
    {
        ATTRIBUTE_LIST: "75e246fa4810816ffd6ee81facbd244c",
        PART_LIST: "d32c9cbf5e040fd4025c592c306e6668",
        ARCHIVE: "00d2c5bc6d35e252742224ab0c1e8fcb",
    }
)

_SPLITS: Mapping[str, SplitName] = {"0": "train", "1": "val", "2": "test"}


@dataclass(frozen=True)
class Lists:
    """The names of the pictures of each part, and their attributes `[picture, 40]` in int8, 1 for yes and 0 for no."""

    names: Mapping[SplitName, list[str]]
    attributes: Mapping[SplitName, np.ndarray]


def read_lists(attributes: Path, parts: Path) -> Lists:
    """Both lists, compared with each other and with their published checksums.

    Raises ReadError for a missing attribute, for lists that are cut short or do not fit each other, and for another content.
    """
    of_picture = _attributes(attributes)
    part_of = _parts(parts)
    only = sorted(of_picture.keys() ^ part_of.keys())
    if only:
        raise ReadError(
            f"`{parts}`",
            f"a list of the pictures that {ATTRIBUTE_LIST} has",
            f"`{only[0]}` in one only",
            Cause.UNKNOWN_KIND,
        )
    names = {split: [name for name in of_picture if part_of[name] == split] for split in _SPLITS.values()}
    empty = [split for split, of_split in names.items() if not of_split]
    if empty:
        raise ReadError(f"`{parts}`", "a list with pictures in each part", f"none for {empty[0]}", Cause.UNKNOWN_KIND)
    for path in (attributes, parts):
        require_published(path)
    yes = {split: np.array([of_picture[name] for name in of_split], np.int8) for split, of_split in names.items()}
    return Lists(names, yes)


def require_published(path: Path) -> None:
    """Raise ReadError for a file that has not the published md5."""
    require_md5(path, MD5[path.name])


def _attributes(path: Path) -> dict[str, list[int]]:
    """The attributes of each picture in the order of ATTRIBUTES, whatever the order in the list."""
    shown, expected = f"`{path}`", f"the published {path.name}"
    lines = _lines(path)
    with guarded(shown, expected):
        count, header = int(lines[0]), lines[1].split()
    missing = [name for name in ATTRIBUTES if name not in header]
    if missing or len(header) != len(ATTRIBUTES):
        found = f"no attribute {missing[0]}" if missing else f"{len(header)} attributes in its second line"
        raise ReadError(
            shown, f"a list of CelebA's {len(ATTRIBUTES)} attributes", found, Cause.UNKNOWN_KIND, "Fetch it again."
        )
    if len(lines) - 2 != count:
        found = f"{len(lines) - 2:,} where its first line says {count:,}"
        raise ReadError(shown, "a list of all pictures", found, Cause.DAMAGED)
    order = [header.index(name) for name in ATTRIBUTES]
    pictures = {}
    with guarded(shown, expected):
        for number, line in enumerate(lines[2:], 3):
            name, *values = line.split()
            if len(values) != len(order) or not set(values) <= {"1", "-1"}:
                raise ValueError(f"line {number} has not a 1 or -1 for each attribute")
            pictures[name] = [int(values[k] == "1") for k in order]
    return pictures


def _parts(path: Path) -> dict[str, SplitName]:
    parts = {}
    lines = _lines(path)
    with guarded(f"`{path}`", f"the published {path.name}"):
        for number, line in enumerate(lines, 1):
            name, code = line.split()
            if code not in _SPLITS:
                raise ValueError(f"line {number} has part {code}, which is not 0, 1 or 2")
            parts[name] = _SPLITS[code]
    return parts


def _lines(path: Path) -> list[str]:
    shown, expected = f"`{path}`", f"the published {path.name}"
    with guarded(shown, expected):
        content = path.read_bytes()
    check_kind(content[:512], (), shown, expected)
    with guarded(shown, expected):
        return content.decode("ascii").split("\n")[:-1]
