"""Single flipped bits in each kind of data file: told as DataError, or without a changed number where there is a checksum.

The readers' own tests, in tests/reading, flip bits of archives, MATLAB and HDF5 files, csv, JSON, pickles and pictures.
"""

import io
import os
import re
import shutil
import zipfile

import numpy as np
import pytest
import scipy.io
from flips import flips
from PIL import Image

from mtlray.data.faces.from_imdb import read_imdb
from mtlray.data.faces.from_utkface import import_utkface
from mtlray.data.files import prepared
from mtlray.data.nyuv2.from_mtan import MtanForm
from mtlray.errors import DataError

RNG = np.random.default_rng(0)
ARRAYS = {"a": RNG.integers(0, 256, (6, 5), dtype=np.uint8), "b": RNG.integers(-99, 99, (6, 4), dtype=np.int16)}
MORE = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    def write(writer):
        for name, array in ARRAYS.items():
            writer.whole(name, array)
        writer.about["origin"] = "made up"

    prepared.prepare_rows(tmp_path / "data", write)
    return tmp_path / "data"


def outcomes(path, contents, read):
    """What `read` returns for each content of a file whose date stays the same; None where it raised DataError."""
    whole, stamp = path.read_bytes(), path.stat()
    for content in contents:
        path.write_bytes(content)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        try:
            yield read()
        except DataError:
            yield None
    path.write_bytes(whole)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def loaded(folder):
    prepared._load.cache_clear()  # it is asked once in each process
    arrays, mark = prepared.load(folder)
    return {name: array.numpy().tolist() for name, array in arrays.items()}, mark, prepared.about(folder)


def test_every_bit_of_a_prepared_array_is_covered_by_its_checksums(folder):
    """1,024 of them in the header, 240 in values."""
    contents = flips((folder / "a.npy").read_bytes(), 2000)
    assert set(map(str, outcomes(folder / "a.npy", contents, lambda: loaded(folder)))) == {"None"}
    assert loaded(folder)[0] == {name: array.tolist() for name, array in ARRAYS.items()}


def test_the_header_of_an_array_too_large_to_be_read_each_time_is_compared(folder, monkeypatch):
    monkeypatch.setattr(prepared, "_ALWAYS_CHECKED", 0)
    contents = flips((folder / "b.npy").read_bytes(), 1024, last=128)
    assert set(map(str, outcomes(folder / "b.npy", contents, lambda: loaded(folder)))) == {"None"}


@pytest.mark.parametrize("n", [400, pytest.param(10**6, marks=MORE)])
def test_the_record_of_prepared_arrays_is_covered_by_its_own_checksum(folder, n, monkeypatch):
    monkeypatch.setattr(prepared, "_ALWAYS_CHECKED", 0)
    expected = loaded(folder)
    found = list(outcomes(folder / "meta.json", flips((folder / "meta.json").read_bytes(), n), lambda: loaded(folder)))
    assert all(outcome in (None, expected) for outcome in found)
    assert found.count(None) > 0.9 * len(found)


def picture(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (colour, 0, 99)).save(buffer, "jpeg")
    return buffer.getvalue()


@pytest.fixture
def faces(tmp_path):
    """A zip of twelve faces with an index, and the arrays that are made of it."""
    names = [f"{20 + i}_{i % 2}_0_2017{i:04d}.jpg" for i in range(12)]
    with zipfile.ZipFile(tmp_path / "faces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i, name in enumerate(names):
            archive.writestr(f"UTKFace/{name}", picture(20 * i))
        lines = (f"{name},{'val' if i % 3 == 0 else 'train'}\n" for i, name in enumerate(names))
        archive.writestr("UTKFace/index.csv", "file,split\n" + "".join(lines))
    return tmp_path / "faces.zip"


def import_faces(path, root):
    shutil.rmtree(root, ignore_errors=True)
    text = import_utkface(path, root, size=32, say=lambda line: None)
    prepared._load.cache_clear()
    arrays, _ = prepared.load(root / "utkface" / "32px")
    seen = set()
    for split in ("train", "test"):
        of_split = (arrays[f"{split}-{name}"] for name in ("images", "ages", "genders"))
        seen |= {(split, a.numpy().tobytes(), int(b), int(c)) for a, b, c in zip(*of_split, strict=True)}
    return seen, int(re.search(r"dropped: (\d+) of 12", text)[1])


@pytest.mark.parametrize("n", [50, pytest.param(400, marks=MORE)])
def test_a_flipped_bit_in_a_zip_of_faces_drops_a_picture_by_name_or_is_refused(faces, tmp_path, n):
    whole, dropped = import_faces(faces, tmp_path / "data")
    assert (len(whole), dropped) == (12, 0)
    for outcome in outcomes(faces, flips(faces.read_bytes(), n), lambda: import_faces(faces, tmp_path / "data")):
        if outcome is not None:
            seen, dropped = outcome
            assert seen <= whole, "no picture, age, gender or split is another"
            assert len(seen) + dropped == 12


@pytest.mark.parametrize("n", [50, pytest.param(300, marks=MORE)])
def test_flipped_bits_in_a_folder_of_faces(faces, tmp_path, n):
    """In a picture and in the list; neither has a checksum here."""
    with zipfile.ZipFile(faces) as archive:
        archive.extractall(tmp_path)
    unpacked = tmp_path / "UTKFace"
    for path in (unpacked / "25_1_0_20170005.jpg", unpacked / "index.csv"):
        for outcome in outcomes(path, flips(path.read_bytes(), n), lambda: import_faces(unpacked, tmp_path / "data")):
            assert outcome is None or len(outcome[0]) + outcome[1] == 12


@pytest.mark.parametrize("n", [50, pytest.param(3000, marks=MORE)])
@pytest.mark.parametrize("compressed", [True, False])
def test_flipped_bits_in_imdb_mat(tmp_path, n, compressed):
    rows = 9
    columns = {
        "dob": np.full(rows, 722_875.0),
        "photo_taken": np.full(rows, 2010),
        "full_path": np.array([f"nm{i:07d}_rm.jpg" for i in range(rows)], dtype=object),
        "gender": np.arange(rows) % 2.0,
        "face_score": np.full(rows, 3.0),
        "second_face_score": np.full(rows, np.nan),
    }
    struct = {name: np.array([column]) for name, column in columns.items()}
    path = tmp_path / "imdb.mat"
    scipy.io.savemat(path, {"imdb": struct}, do_compression=compressed)

    def read():
        faces, dropped = read_imdb(tmp_path, 1.0)
        return [(face.name, face.age, face.gender, face.subject) for face in faces], dropped.reasons

    expected = read()
    for outcome in outcomes(path, flips(path.read_bytes(), n), read):
        assert outcome is None or not compressed or outcome == expected


@pytest.mark.parametrize("part", ["image", "label", "depth", "normal"])
@pytest.mark.parametrize("n", [25, pytest.param(1024, marks=MORE)])
def test_flipped_bits_in_the_headers_of_mtan_change_no_number(tmp_path, part, n):
    normal = np.zeros((288, 384, 3))
    normal[..., 2] = -1
    arrays = {
        "image": RNG.random((288, 384, 3)).astype(np.float32),
        "label": RNG.integers(-1, 13, (288, 384)).astype(np.float64),
        "depth": RNG.random((288, 384, 1)) + 1,
        "normal": normal,
    }
    for name, array in arrays.items():
        (tmp_path / "train" / name).mkdir(parents=True)
        np.save(tmp_path / "train" / name / "0.npy", array)

    def read():
        (sample,) = MtanForm(tmp_path).samples("train")
        return prepared.fingerprint(sample.checked().arrays())

    path, expected = tmp_path / "train" / part / "0.npy", read()
    assert set(outcomes(path, flips(path.read_bytes(), n, last=128), read)) <= {None, expected}
