"""Data sets that people bring themselves: what they are, where they come from, and how a copy is imported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mtlray.data.celeba.importing import import_celeba
from mtlray.data.celeba.lists import MD5
from mtlray.data.cifar100 import archive as cifar100
from mtlray.data.cifar100.store import import_cifar100
from mtlray.data.faces.from_imdb import import_imdb
from mtlray.data.faces.from_utkface import import_utkface
from mtlray.data.files.download import RemoteFile
from mtlray.data.nyuv2.from_mat import OFFICIAL
from mtlray.data.nyuv2.importing import import_nyuv2
from mtlray.data.tables import clinc150, tox21, yeast
from mtlray.data.tables.published import PublishedFile
from mtlray.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import; None is the data set's own default, and options that a data set does not use should be None."""

    normals: Path | None = None
    no_normals: bool | None = None
    size: int | None = None
    min_face_score: float | None = None
    test_subjects: int | None = None
    say: Callable[[str], None] = lambda line: None

    def only(self, name: str, *used: str) -> None:
        """Raise SpecError for an option that is given and not used."""
        for option in ("normals", "no_normals", "size", "min_face_score", "test_subjects"):
            if option not in used and getattr(self, option) is not None:
                raise SpecError(
                    f"`mtlray data import {name}` has no use for --{option.replace('_', '-')}. Leave it out."
                )


@dataclass(frozen=True, kw_only=True)
class Importable:
    """A data set that people bring: its description, and the function that imports a copy below the data folder.

    `remote` are the files of each form that can be had without a form to fill in or a browser; a single archive is unpacked.
    """

    name: str
    description: str
    used_by: str
    size: str
    terms: str
    addresses: tuple[str, ...]
    forms: str
    remote: Mapping[str, tuple[RemoteFile, ...]]
    run: Callable[[Path, Path, ImportOptions], str]


def _nyuv2(path: Path, root: Path, options: ImportOptions) -> str:
    options.only("nyuv2", "normals", "no_normals")
    if options.normals and options.no_normals:
        raise SpecError(
            "`mtlray data import nyuv2` takes --normals ARCHIVE or --no-normals. Found both. Leave one out."
        )
    return import_nyuv2(path, root, normals=options.normals or not options.no_normals, say=options.say)


def _imdb_wiki(path: Path, root: Path, options: ImportOptions) -> str:
    options.only("imdb_wiki", "size", "min_face_score", "test_subjects")
    return import_imdb(
        path,
        root,
        size=224 if options.size is None else options.size,
        min_face_score=1.0 if options.min_face_score is None else options.min_face_score,
        test_subjects=2100 if options.test_subjects is None else options.test_subjects,
        say=options.say,
    )


def _utkface(path: Path, root: Path, options: ImportOptions) -> str:
    options.only("utkface", "size")
    return import_utkface(path, root, size=224 if options.size is None else options.size, say=options.say)


def _celeba(path: Path, root: Path, options: ImportOptions) -> str:
    options.only("celeba", "size")
    return import_celeba(path, root, size=64 if options.size is None else options.size, say=options.say)


def _plain(name: str, run: Callable[[Path, Path], str]) -> Callable[[Path, Path, ImportOptions], str]:
    def run_without_options(path: Path, root: Path, options: ImportOptions) -> str:
        options.only(name)
        return run(path, root)

    return run_without_options


def _addresses(*files: PublishedFile) -> tuple[str, ...]:
    return tuple(f"{file.remote.addresses[0]}, md5 {file.remote.md5}" for file in files)


_NYU = "http://horatio.cs.nyu.edu/mit/silberman"
_MAPS = "https://raw.githubusercontent.com/ankurhanda/nyuv2-meta-data/master"
_IMDB = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/static/imdb_crop.tar"

# Dropbox packs a shared folder when it is asked for, so that neither a size nor a checksum is known.
_MTAN = RemoteFile("mtan.zip", ("https://www.dropbox.com/sh/86nssgwm6hm3vkb/AACrnUQ4GxpdrBbLjb6n-mWNa?dl=1",))
_CIFAR100 = RemoteFile(
    cifar100.ARCHIVE,
    (f"https://www.cs.toronto.edu/~kriz/{cifar100.ARCHIVE}",),
    169_001_437,
    cifar100.MD5[cifar100.ARCHIVE],
)
# In the order in which they are fetched: the large one last.
_ADDRESSES = {
    "splits.mat": (f"{_NYU}/indoor_seg_sup/splits.mat", f"{_MAPS}/splits.mat"),
    "classMapping40.mat": (f"{_MAPS}/classMapping40.mat",),
    "class13Mapping.mat": (f"{_MAPS}/class13Mapping.mat",),
    "nyu_depth_v2_labeled.mat": (f"{_NYU}/nyu_depth_v2/nyu_depth_v2_labeled.mat",),
}
_OFFICIAL = tuple(RemoteFile(name, _ADDRESSES[name], *OFFICIAL[name]) for name in _ADDRESSES)

IMPORTABLE: Mapping[str, Importable] = MappingProxyType(
    {
        "nyuv2": Importable(
            name="nyuv2",
            description="1,449 images of rooms with classes, depth and normals (Silberman et al. 2012)",
            used_by="NYUv2",
            size="mtan's folders 9 GB; the official file 3 GB, another 1.6 GB once imported",
            terms="given out by its authors for research, no licence text; cite Silberman, Hoiem, Kohli, Fergus, ECCV 2012",
            addresses=(
                "mtan's folders (Liu et al. 2019), what the paper used:",
                "  https://www.dropbox.com/sh/86nssgwm6hm3vkb/AACrnUQ4GxpdrBbLjb6n-mWNa?dl=0",
                "  a copy: https://drive.google.com/file/d/1n15Uf-rqtx-LFohcwRkq3HBF-jQvsY1-/view",
                f"the official file, md5 {OFFICIAL['nyu_depth_v2_labeled.mat'][1]}; the host is often unreachable:",
                f"  {_NYU}/nyu_depth_v2/nyu_depth_v2_labeled.mat",
                "  a copy: https://academictorrents.com/details/47a9a46bb784b394e398228d4c85a8d61d01dfa8",
                f"  beside it: {_NYU}/indoor_seg_sup/splits.mat, and classMapping40.mat",
                "  and class13Mapping.mat of https://github.com/ankurhanda/nyuv2-meta-data",
                "published normals for it, with --normals ARCHIVE; else they are computed from depth:",
                "  https://dl.fbaipublicfiles.com/fair_self_supervision_benchmark/nyuv2_surfacenormal_metadata.zip",
                "  or a copy of normals_gt.tgz, no longer at https://cs.nyu.edu/~deigen/dnl/normals_gt.tgz",
            ),
            forms="mtan's folder with train and val in it; the official .mat file; a zip of 288x384 pictures",
            remote={"mtan": (_MTAN,), "mat": _OFFICIAL},
            run=_nyuv2,
        ),
        "imdb_wiki": Importable(
            name="imdb_wiki",
            description="460,723 photographs of 20,284 actors with age and gender (Rothe et al. 2015), cropped to faces",
            used_by="IMDBWiki",
            size="about 7 GB; once imported 150 KB a face at 224 pixels, 12 KB at 64",
            terms="academic research only; the images belong to their owners",
            addresses=(
                f"{_IMDB}, no published checksum",
                "  page: https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/",
            ),
            forms="the unpacked folder imdb_crop, which holds imdb.mat",
            remote={"imdb_crop": (RemoteFile("imdb_crop.tar", (_IMDB,)),)},
            run=_imdb_wiki,
        ),
        "utkface": Importable(
            name="utkface",
            description="23,708 faces with age and gender (Zhang et al. 2017), aligned and cropped",
            used_by="UTKFace",
            size="107 MB; once imported 150 KB a face at 224 pixels, 12 KB at 64",
            terms="non-commercial research only; the images belong to their owners",
            addresses=(
                'https://susanqq.github.io/UTKFace/, "Aligned&Cropped Faces", UTKFace.tar.gz, no published checksum',
            ),
            forms="the unpacked folder, or a zip file of it",
            remote={},
            run=_utkface,
        ),
        "celeba": Importable(
            name="celeba",
            description="202,599 faces with forty attributes (Liu et al. 2015), aligned and cropped",
            used_by="CelebA",
            size="1.4 GB; once imported 12 KB a face at 64 pixels",
            terms="non-commercial research only",
            addresses=(
                "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, to be fetched with a browser:",
                *(f"  {name}, md5 {md5}" for name, md5 in MD5.items()),
            ),
            forms="the folder that holds these three, also in Anno, Eval and Img, or with img_align_celeba unpacked",
            remote={},
            run=_celeba,
        ),
        "cifar100": Importable(
            name="cifar100",
            description="60,000 pictures of 32x32 pixels in 100 classes and 20 superclasses (Krizhevsky 2009)",
            used_by="CIFAR100, CIFAR100BySuperclass",
            size="169 MB; once imported 184 MB",
            terms="no licence text with the data; cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
            addresses=(f"{_CIFAR100.addresses[0]}, md5 {_CIFAR100.md5}",),
            forms=f"{cifar100.ARCHIVE}, the folder that holds it, or the folder cifar-100-python unpacked from it",
            remote={"python": (_CIFAR100,)},
            run=_plain("cifar100", import_cifar100),
        ),
        "yeast": Importable(
            name="yeast",
            description="2,417 genes with 103 numbers and fourteen functional classes (Elisseeff and Weston 2001)",
            used_by="Yeast",
            size="0.8 MB",
            terms="no licence text with the data; this copy is in a package under BSD-3-Clause",
            addresses=_addresses(yeast.FILE),
            forms="yeast.csv as it is there, also as .gz, or the folder that holds it",
            remote={"csv": (yeast.FILE.remote,)},
            run=_plain("yeast", yeast.import_yeast),
        ),
        "tox21": Importable(
            name="tox21",
            description="8,014 molecules in twelve assays, with labels missing (Tox21 data challenge 2014, as in MoleculeNet)",
            used_by="Tox21",
            size="0.1 MB",
            terms="data of the US Tox21 programme, public; this copy is in a repository under MIT",
            addresses=_addresses(tox21.FILE),
            forms="tox21.csv as it is there, also as .gz, or the folder that holds it",
            remote={"csv": (tox21.FILE.remote,)},
            run=_plain("tox21", tox21.import_tox21),
        ),
        "clinc150": Importable(
            name="clinc150",
            description="23,700 sentences to an assistant with domain and intent, 1,200 out of scope (Larson et al. 2019)",
            used_by="CLINC150",
            size="2.5 MB",
            terms="CC BY 3.0; name the authors",
            addresses=_addresses(clinc150.SENTENCES, clinc150.DOMAINS),
            forms="the folder that holds data_full.json, also as .gz, and domains.json",
            remote={"json": (clinc150.DOMAINS.remote, clinc150.SENTENCES.remote)},
            run=_plain("clinc150", clinc150.import_clinc150),
        ),
    }
)
