"""Pictures in a file are those that memory would hold, whatever stops the building or happens to the file."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tailtune.data import image_dataset, picture_store
from tailtune.data.decode import UnreadableImageError, read_all
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.images import open_image_folder
from tailtune.data.open import open_dataset
from tailtune.data.picture_store import open_store
from tailtune.data.prediction_images import open_for_prediction
from tailtune.data.rendering import Rendering
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError
from tailtune.sampling.smote_part import enlarge_by_smote
from tailtune.settings import Run

SIZE = (3, 8, 8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stores, and entries of four pictures each."""
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(picture_store, "CHUNK", 4 * int(np.prod(SIZE)))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of PNG and JPEG files of several sizes."""
    rng = np.random.default_rng(0)
    for name, count in (("cat", 16), ("dog", 8)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (int(rng.integers(6, 20)), int(rng.integers(6, 20)), 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i:02}.{'jpg' if i % 3 else 'png'}")
    return tmp_path / "data"


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def store_of(folder: Path, skip: bool = False) -> picture_store.Store:
    return open_store(folder, files(folder), *SIZE, skip_bad_images=skip)


def in_memory(folder: Path) -> np.ndarray:
    return read_all([folder / name for name in files(folder)], files(folder), *SIZE)[0]


def cut_off(path: Path) -> None:
    """Damage an image so that its header can still be read."""
    path.write_bytes(path.read_bytes()[:-60])


def test_the_file_holds_what_memory_would(folder: Path) -> None:
    expected, store = in_memory(folder), store_of(folder)
    assert store.file.read_bytes() == expected.tobytes()
    pictures = StoredPictures(store, np.arange(24))
    rows = np.array([5, 0, 23, 5])
    assert torch.equal(pictures.read(rows), torch.from_numpy(expected[rows]))
    some = pictures.take(torch.tensor([7, 1])).joined(pictures.take(slice(20, 22)))
    assert some.shape == (4, *SIZE)
    assert torch.equal(pickle.loads(pickle.dumps(some)).read(np.arange(4)), torch.from_numpy(expected[[7, 1, 20, 21]]))


def test_statistics_are_those_of_memory_to_the_last_bit(folder: Path) -> None:
    rows = np.array([3, 4, 9, 22])
    stored = ImagePreprocessor.fit(StoredPictures(store_of(folder), rows))
    assert stored == ImagePreprocessor.fit(torch.from_numpy(in_memory(folder)[rows]))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged, whoever listened before."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    monkeypatch.setattr(picture_store.LOG, "handlers", [handler])
    monkeypatch.setattr(picture_store.LOG, "propagate", False)
    monkeypatch.setattr(picture_store.LOG, "level", logging.INFO)
    picture_store.LOG.manager._clear_cache()  # type: ignore[attr-defined]
    return messages


def test_a_store_is_built_once(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, told: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    first = store_of(folder)
    said = told.copy()
    told.clear()
    assert [line.split(" into ")[0] for line in said] == ["reading 24 pictures of 8 x 8", "read 24 pictures of 8 x 8"]
    monkeypatch.setattr(picture_store, "read_all", None)
    again = open_store(folder, files(folder)[::-1] * 2, *SIZE, skip_bad_images=False)
    assert again.file == first.file
    assert again.names == first.names == tuple(files(folder))
    assert not told
    assert capfd.readouterr() == ("", "")  # the data layer prints nothing
    assert sorted(path.suffix for path in cache.iterdir()) == ["", ".lock"]


def test_a_long_reading_says_how_far_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(picture_store, "SECONDS", -1.0)
    store = store_of(folder)
    assert "24 of 24 pictures read" in told
    assert store.file.read_bytes() == in_memory(folder).tobytes()


@pytest.mark.parametrize("change", ["content", "time", "size", "less", "resize", "levels"])
def test_what_changes_the_pictures_changes_the_store(folder: Path, change: str) -> None:
    first, path, size = store_of(folder), folder / "cat" / "00.png", SIZE
    rendering = Rendering()
    if change == "content":
        shutil.copyfile(folder / "cat" / "03.png", path)
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "size":
        size = (3, 8, 9)
    elif change == "resize":
        rendering = Rendering("pad")
    elif change == "levels":
        rendering = Rendering(levels=(0.0, 4095.0))
    else:
        path.unlink()
    assert open_store(folder, files(folder), *size, skip_bad_images=False, rendering=rendering).file != first.file


@pytest.mark.parametrize("torn", [False, True])
def test_a_killed_build_goes_on_behind_the_last_entry(
    folder: Path, cache: Path, torn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, decoded = picture_store.read_all, list[str]()

    def killed_after_three(paths, names, *size):
        decoded.extend(names)
        if len(decoded) > 12:
            raise KeyboardInterrupt
        return read(paths, names, *size)

    monkeypatch.setattr(picture_store, "read_all", killed_after_three)
    with pytest.raises(KeyboardInterrupt):
        store_of(folder)
    assert decoded == files(folder)[:16]
    (begun,) = cache.glob("*.partial")
    if torn:  # the machine stopped within an entry, and pixels were written that no entry speaks of
        with (begun / "rows.jsonl").open("r+b") as rows:
            rows.truncate(rows.seek(0, os.SEEK_END) - 5)
        with (begun / "pixels").open("ab") as pixels:
            pixels.write(b"half a picture")
    decoded.clear()
    monkeypatch.setattr(picture_store, "read_all", lambda *given: (decoded.extend(given[1]), read(*given))[1])
    store = store_of(folder)
    assert decoded == files(folder)[8 if torn else 12 :]
    assert store.file.read_bytes() == in_memory(folder).tobytes()
    assert not begun.exists()


def test_pixels_that_never_reached_the_disk_are_read_again(folder: Path, cache: Path) -> None:
    store = store_of(folder)
    begun = store.file.parent.rename(f"{store.file.parent}.partial")
    os.truncate(begun / "pixels", 9 * int(np.prod(SIZE)))
    assert store_of(folder).file.read_bytes() == in_memory(folder).tobytes()


def test_a_damaged_byte_is_one_line(folder: Path) -> None:
    store = store_of(folder)
    with store.file.open("r+b") as file:
        file.seek(10 * int(np.prod(SIZE)) + 3)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    pictures = StoredPictures(store_of(folder), np.arange(24))
    pictures.read(np.array([9, 11]))
    with pytest.raises(TailtuneError) as error:
        pictures.read(np.array([9, 10]))
    name, home = files(folder)[10], store.file.parent
    assert str(error.value) == (
        f"{store.file}: the pixels of {name} are damaged; delete {home} and the next run builds it again"
    )
    shutil.rmtree(home)
    assert store_of(folder).file.read_bytes() == in_memory(folder).tobytes()


def test_a_truncated_file_is_one_line(folder: Path) -> None:
    store = store_of(folder)
    os.truncate(store.file, 100)
    with pytest.raises(TailtuneError, match="the pixels are damaged; delete"):
        store_of(folder)
    with pytest.raises(TailtuneError, match=r"cat/01\.jpg are damaged; delete"):  # truncated while it was in use
        store.read(np.array([1]))
    store.file.unlink()
    with pytest.raises(TailtuneError, match=r"cannot read .*; start the run again"):
        store.read(np.array([1]))


@pytest.mark.parametrize("line", [0, 1])
def test_damaged_entries_are_one_line(folder: Path, line: int) -> None:
    path = store_of(folder).file.parent / "rows.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"1", b"2")
    path.write_bytes(b"".join(lines))
    with pytest.raises(TailtuneError, match=r"rows\.jsonl: the entries are damaged; delete"):
        store_of(folder)


def test_a_bad_image_stops_the_build_or_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(folder / "cat" / "06.png")
    for _ in range(2):
        with pytest.raises(UnreadableImageError, match=r"image cat/06\.png is truncated"):
            store_of(folder)
    store = store_of(folder, skip=True)
    assert {store.names[row] for row in store.problems} == {"cat/06.png"}
    monkeypatch.setattr(picture_store, "read_all", None)
    assert store_of(folder, skip=True).problems == store.problems
    with pytest.raises(UnreadableImageError, match=r"image cat/06\.png is truncated"):
        store_of(folder)


def test_a_full_disk_is_noticed_before(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(0, 0, 24 * 192 - 1))
    monkeypatch.setattr(picture_store, "read_all", None)
    with pytest.raises(TailtuneError, match=r"24 pictures of 8 x 8 need 0\.0 GB in .*TAILTUNE_CACHE.*--image-size 8"):
        store_of(folder)


def test_a_cache_that_cannot_be_written_is_named(folder: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(TailtuneError, match=r"cannot write .*; let TAILTUNE_CACHE name a folder"):
        store_of(folder)


def _open_and_report(folder: Path, log: Path, barrier) -> None:
    read = picture_store.read_all

    def noted(paths, names, *size):
        with log.open("a") as file:
            file.write("".join(f"{name}\n" for name in names))
        return read(paths, names, *size)

    picture_store.read_all = noted
    barrier.wait()
    store_of(folder).read(np.arange(24))


def test_two_processes_at_once_build_once(folder: Path, tmp_path: Path) -> None:
    context, log = multiprocessing.get_context("fork"), tmp_path / "log"
    barrier = context.Barrier(2)
    processes = [context.Process(target=_open_and_report, args=(folder, log, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert log.read_text().split() == files(folder)


def test_a_folder_on_disk_is_the_folder_in_memory(folder: Path) -> None:
    cut_off(folder / "cat" / "06.png")
    for name in ("val", "train"):  # a part of its own as well as one that is split
        data = folder if name == "val" else shutil.copytree(folder, folder.parent / "parts" / "train").parent
        run = Run(str(data), image_size=8, skip_bad_images=True, test_fraction=0.3)
        memory, disk = open_image_folder(run), open_image_folder(Run(**{**vars(run), "storage": "disk"}))
        assert disk.preprocessor == memory.preprocessor
        assert (disk.split_hash, disk.warnings, disk.left_out) == (memory.split_hash, memory.warnings, memory.left_out)
        for there, here in ((disk.train, memory.train), (disk.val, memory.val), (disk.test, memory.test)):
            assert isinstance(there.inputs[0], StoredPictures)
            assert torch.equal(there.inputs[0].read(np.arange(len(there))), here.inputs[0])
            assert torch.equal(there.targets, here.targets)
            few = there.take(np.array([2, 0]))
            assert torch.equal(few.inputs[0].read(np.arange(2)), here.inputs[0][[2, 0]])


def test_auto_takes_the_disk_when_memory_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(str(folder), image_size=8)
    assert isinstance(open_image_folder(run).train.inputs[0], torch.Tensor)
    monkeypatch.setattr(image_dataset, "available_memory", lambda: 5000)
    assert isinstance(open_image_folder(run).train.inputs[0], StoredPictures)
    with pytest.raises(TailtuneError, match="--storage disk, or make them smaller with --image-size"):
        open_image_folder(Run(str(folder), image_size=8, storage="memory"))


def test_prediction_decodes_what_does_not_fit_batch_by_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_image_folder(Run(str(folder), image_size=8))
    (whole,), ids, targets = open_for_prediction(folder, data.preprocessor, data.names)
    monkeypatch.setattr(image_dataset, "available_memory", lambda: 5000)
    (lazy,), same_ids, same_targets = open_for_prediction(folder, data.preprocessor, data.names)
    assert not isinstance(lazy, torch.Tensor)
    assert lazy.shape == tuple(whole.shape)
    assert torch.equal(lazy.read(np.array([4, 1])), whole[[4, 1]])
    assert ids.tolist() == same_ids.tolist()
    assert targets().tolist() == same_targets().tolist()


def test_smote_refuses_pictures_in_a_file(folder: Path) -> None:
    data = open_image_folder(Run(str(folder), image_size=8, storage="disk"))
    with pytest.raises(TailtuneError, match="SMOTE needs all pictures in memory"):
        enlarge_by_smote(data.train, data.preprocessor.shape(), 5, 1.0, 0)


def test_disk_is_refused_for_what_is_no_image_files() -> None:
    with pytest.raises(TailtuneError, match="--storage disk is for image files, and digits is read into memory"):
        open_dataset(Run("digits", storage="disk"))


def test_entries_are_json_behind_their_hashes(folder: Path) -> None:
    lines = (store_of(folder).file.parent / "rows.jsonl").read_text().splitlines()
    header, *entries = [json.loads(line.split(" ", 1)[1]) for line in lines]
    assert header["shape"] == [24, *SIZE]
    assert [len(entry["checksums"]) for entry in entries] == [4] * 6


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_store_that_others_can_write_is_not_trusted(mode: int, folder: Path) -> None:
    made = store_of(folder).file.parent
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(mode)
    with pytest.raises(TailtuneError, match="can be written by others, so its pictures are not trusted"):
        store_of(folder)


def test_a_store_of_another_user_is_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = store_of(folder).file.parent
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(TailtuneError, match="belongs to another user"):
        store_of(folder)
    assert len([entry for entry in mine.parent.iterdir() if entry.is_dir()]) == 2  # it has a name of its own


def test_a_link_in_the_place_of_a_store_is_not_followed(folder: Path, tmp_path: Path) -> None:
    made = store_of(folder).file.parent
    made.rename(tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(TailtuneError, match="not trusted"):
        store_of(folder)
