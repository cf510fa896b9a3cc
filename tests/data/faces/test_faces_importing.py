"""Faces are imported as they are; what must be dropped is dropped by reason, and damaged copies leave nothing."""

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from places import ROOT

from mtlray.data.faces import IMDBWiki, UTKFace
from mtlray.data.faces.from_imdb import import_imdb, read_imdb
from mtlray.data.faces.from_utkface import import_utkface
from mtlray.data.faces.store import FEMALE, MALE
from mtlray.errors import DataError

DAY = 366  # a Matlab day number is Python's ordinal and this


def silent(line):
    del line


def picture(colour, size=(40, 40), kind="jpeg"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind, quality=95)
    return buffer.getvalue()


@pytest.fixture
def utkface(tmp_path):
    folder = tmp_path / "UTKFace"
    folder.mkdir()
    names = [f"{20 + i}_{i % 2}_0_2017{i:04d}.jpg.chip.jpg" for i in range(10)]
    names += ["101_0_0_20170000.jpg.chip.jpg", "39_1_20170116174525125.jpg.chip.jpg"]
    for i, name in enumerate(names):
        (folder / name).write_bytes(picture((10 * i, 0, 200)))
    return folder


@pytest.fixture
def imdb(tmp_path):
    """Six subjects with two photographs each; one row for each reason to drop it."""
    folder = tmp_path / "imdb_crop"
    folder.mkdir()
    rows = 12
    paths = [f"nm{i // 2:07d}_rm{i}_1980-3-1_2010.jpg" for i in range(rows)]
    for i, name in enumerate(paths):
        (folder / name).write_bytes(picture((20 * i, 100, 0)))
    born = np.full(rows, 722_875.0)  # 1 March 1979
    columns = {
        "dob": born,
        "photo_taken": np.full(rows, 2010),
        "full_path": np.array(paths, dtype=object),
        "gender": np.arange(rows) % 2.0,
        "face_score": np.full(rows, 3.0),
        "second_face_score": np.full(rows, np.nan),
    }
    columns["gender"][1] = np.nan
    columns["face_score"][3] = -np.inf
    columns["second_face_score"][5] = 2.5
    columns["face_score"][7] = 0.5
    columns["dob"][9] = 47
    columns["photo_taken"][11] = 1970

    def write():
        struct = {name: np.array([column]) for name, column in columns.items()}
        scipy.io.savemat(folder / "imdb.mat", {"imdb": struct})

    write()
    return folder, columns, write


def test_utkface(utkface, tmp_path):
    text = import_utkface(utkface, tmp_path / "data", size=32, say=silent)
    assert "8 training and 2 test pictures" in text
    assert "dropped: 2 of 12 (1 older than 100; 1 with another name than age_gender_race_time.jpg)" in text
    assert "UTKFace(n_images=(8, 2), image_size=32)" in text
    dataset = UTKFace(n_images=(8, 2), image_size=32, val_images=3).load(tmp_path / "data")
    assert [len(dataset.splits[name]) for name in ("train", "val", "test")] == [5, 3, 2]
    seen = []
    for split in dataset.splits.values():
        where = split.located(torch.arange(len(split))[None])
        images = split.inputs.gather(where, torch.float64)[0]
        ages, genders = (split.targets[name].gather(where, torch.float64)[0] for name in ("age", "gender"))
        for image, age, gender in zip(images, ages.tolist(), genders.tolist(), strict=True):
            assert gender == (FEMALE if age % 2 else MALE)  # 1 is female in the names
            assert image[0].mean() * 255 == pytest.approx(10 * (age - 20), abs=6)
            seen.append(age)
    assert sorted(seen) == list(range(20, 30))


def test_endings_of_pictures_do_not_care_for_case_and_side_files_are_named(utkface, tmp_path):
    for i, path in enumerate(sorted(utkface.glob("2*"))[:4]):
        path.rename(path.with_name(path.name.replace(".jpg.chip.jpg", (".JPG", ".jpeg", ".jpg.chip.JPG", ".JPEG")[i])))
    (utkface / "._29_1_0_20170009.jpg.chip.jpg").write_bytes(b"\0\5\26\7")
    text = import_utkface(utkface, tmp_path / "data", size=32, say=silent)
    assert "8 training and 2 test pictures" in text
    assert "1 side files of macOS or Windows" in text
    assert "1 with another name" in text


def test_utkface_from_a_zip_with_an_index(utkface, tmp_path):
    names = sorted(p.name for p in utkface.glob("2*"))
    (utkface / "index.csv").write_text(
        "file,split\n" + "".join(f"{n},{'val' if n < '23' else 'train'}\n" for n in names)
    )
    archive = shutil.make_archive(str(tmp_path / "faces"), "zip", utkface)
    assert "7 training and 3 test" in import_utkface(Path(archive), tmp_path / "data", size=32, say=silent)
    Path(archive).write_bytes(Path(archive).read_bytes()[:3000])
    refused(
        lambda: import_utkface(Path(archive), tmp_path / "other", size=32, say=silent),
        tmp_path / "other",
        "whole zip file",
    )


def refused(run, root, message):
    with pytest.raises(DataError, match=message):
        run()
    assert not [p for p in root.rglob("*") if p.suffix in {".npy", ".json", ".tmp"}]


def test_a_corrupt_picture_is_dropped_by_name_and_many_are_refused(utkface, tmp_path):
    files = sorted(utkface.glob("2*"))
    files[3].write_bytes(files[3].read_bytes()[:100])
    text = import_utkface(utkface, tmp_path / "data", size=32, say=silent)
    assert f"1 that cannot be read ({files[3].name}: " in text
    assert "(n_images=(7, 2)" in text
    for file in files[5:]:
        file.write_bytes(b"")
    refused(
        lambda: import_utkface(utkface, tmp_path / "other", size=32, say=silent), tmp_path / "other", "cannot be read"
    )


def test_a_wrong_gender_code_is_refused(utkface, imdb, tmp_path):
    (utkface / "30_2_0_20180000.jpg.chip.jpg").write_bytes(picture((0, 0, 0)))
    refused(lambda: import_utkface(utkface, tmp_path / "data", size=32, say=silent), tmp_path / "data", "Found 2")
    folder, columns, write = imdb
    columns["gender"][0] = 2
    write()
    with pytest.raises(DataError, match=r"gender of row 0 in imdb.mat should be 0 .female., 1 .male. or NaN. Found 2"):
        read_imdb(folder, 1.0)


def test_imdb(imdb, tmp_path):
    folder, _, _ = imdb
    text = import_imdb(folder, tmp_path / "data", size=32, min_face_score=1.0, test_subjects=2, say=silent)
    assert "6 photos of 6 subjects (Gong et al. 2019: 194,872 of 12,909); 4 for training, 2 of 2 subjects" in text
    for reason in ("of unknown gender", "without a face", "with a second face", "with a face score below 1",
                   "without a date of birth", "with an age outside 0 to 100"):  # fmt: skip
        assert f"1 {reason}" in text
    dataset = IMDBWiki(n_images=(4, 2), image_size=32).load(tmp_path / "data")
    ages = dataset.splits["train"].targets["age"].values
    assert ages.tolist() == [31] * 4  # from March 1979 to July 2010
    assert not dataset.splits["train"].targets["gender"].values.any()


def test_imdb_keeps_subjects_apart(imdb, tmp_path):
    folder, columns, write = imdb
    for name, value in (("gender", 1.0), ("face_score", 2.0), ("second_face_score", np.nan)):
        columns[name][:] = value
    columns["dob"][:], columns["photo_taken"][:] = 722_875, 2010
    write()
    import_imdb(folder, tmp_path / "data", size=32, min_face_score=1.0, test_subjects=2, say=silent)
    dataset = IMDBWiki(n_images=(8, 4), image_size=32, val_images=2).load(tmp_path / "data")
    val, train = dataset.splits["val"].rows.tolist(), dataset.splits["train"].rows.tolist()
    assert {i // 2 for i in val}.isdisjoint(i // 2 for i in train)


def test_imdb_that_is_not_there(imdb, tmp_path):
    folder, _, _ = imdb
    with pytest.raises(DataError, match=r"imdb.mat` should be the official imdb.mat"):
        read_imdb(tmp_path, 1.0)
    content = (folder / "imdb.mat").read_bytes()
    (folder / "imdb.mat").write_bytes(content[:300])
    with pytest.raises(DataError, match=r"imdb.mat` should be a MATLAB file.* Found: it is damaged .* Fetch it again"):
        read_imdb(folder, 1.0)
    (folder / "imdb.mat").write_bytes(content)
    for file in folder.glob("*.jpg"):
        file.unlink()
    root = tmp_path / "data"
    refused(
        lambda: import_imdb(folder, root, size=32, min_face_score=1.0, test_subjects=2, say=silent),
        root,
        "cannot be read",
    )
    refused(
        lambda: import_imdb(folder, root, size=32, min_face_score=1.0, test_subjects=6, say=silent),
        root,
        "Found 6 in all",
    )


def real(name):
    root = (ROOT / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve()
    if not (root / name).is_file():
        pytest.skip(f"{name} is not in {root}; MTLRAY_TEST_DATA names another place")
    return root / name


def test_the_fixture_in_the_official_layout_drops_its_five_rows(tmp_path):
    with zipfile.ZipFile(real("imdb_wiki/imdb_crop_layout_fixture.zip")) as archive:
        archive.extractall(tmp_path)
    faces, dropped = read_imdb(tmp_path / "imdb_crop", 1.0)
    assert dict(dropped.reasons) == {
        "without a face": 1, "with a second face": 1, "of unknown gender": 1, "with an age outside 0 to 100": 1,
        "with a face score below 1": 1,
    }  # fmt: skip
    kept = {int(face.name.split("_rm")[1].split("_")[0]) for face in faces}
    assert kept == set(range(40)) - {3, 5, 7, 9, 11}


@pytest.mark.slow
def test_the_real_faces(tmp_path):
    archive = real("utkface/utkface_aligned_4501.zip")
    text = import_utkface(archive, tmp_path, size=32, say=silent)
    assert "3,596 training and 900 test" in text
    dataset = UTKFace(n_images=(3596, 900), image_size=32).load(tmp_path)
    assert dataset.splits["test"].targets["gender"].values.sum() == 477  # male
    assert np.histogram(dataset.splits["test"].targets["age"].values.numpy(), [0, 10, 20, 30, 40])[0].tolist()[:3] == [
        123,
        67,
        261,
    ]
