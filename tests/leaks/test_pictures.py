"""Pictures that are another one again, against constructed copies, tracks and pictures that share nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from smooth_pictures import Pixels, moved, scenes

from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.likeness.copy_sets import MOST
from tailtune.data.likeness.picture_signature import differing, signatures
from tailtune.data.open import open_dataset
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError
from tailtune.leaks.check import alike_pictures, check_leaks, known_pictures
from tailtune.run.trained_pictures import read_trained_pictures, write_trained_pictures
from tailtune.settings import Reading


def found(train: Pixels, test: Pixels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the same and of nearly the same training pictures."""
    known, _ = signatures(torch.from_numpy(train))
    alike = alike_pictures(known, torch.from_numpy(test))
    return alike.same, alike.near


def test_copies_are_the_same_and_their_partners_are_named() -> None:
    train = moved(scenes(200), 0, 0)
    same, near = found(train, train[[7, 3, 150]])
    assert same.tolist() == [7, 3, 150]
    assert (near == -1).all()


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "noise": lambda x: moved(x, 0, 0, noise=6),
    "a pixel": lambda x: moved(x, 1, 0),
    "two pixels and noise": lambda x: moved(x, 2, 2, noise=4),
    "mirrored": lambda x: moved(x, 0, 0)[:, :, :, ::-1].copy(),
    "brighter": lambda x: np.clip(moved(x, 0, 0) * 0.8 + 30, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_near(change: str) -> None:
    x = scenes(300)
    same, near = found(moved(x, 0, 0), CHANGES[change](x[:100]))
    assert (same == -1).all()
    assert np.mean(near == np.arange(100)) >= 0.9
    assert set(near.tolist()) <= {-1, *range(100)}


def test_pictures_that_share_nothing_are_not_near() -> None:
    rng = np.random.default_rng(0)
    x = moved(scenes(1500), 0, 0)
    same, near = found(x[:1000], x[1000:])
    assert (same == -1).all()
    assert (near >= 0).sum() == 0
    noise = rng.integers(0, 256, (1200, 3, 32, 32), dtype=np.uint8)
    assert (found(noise[:800], noise[800:])[1] == -1).all()


def test_pictures_of_one_colour_are_like_nothing() -> None:
    flat = np.repeat(np.arange(0, 250, 5, dtype=np.uint8), 3 * 32 * 32).reshape(50, 3, 32, 32)
    flat = np.concatenate([flat, flat])  # also the same bytes again
    same, near = found(flat, flat)
    assert (same == -1).all()
    assert (near == -1).all()


def test_what_all_pictures_share_makes_none_alike() -> None:
    frame = np.zeros((32, 32), dtype=bool)
    frame[:6] = frame[-6:] = True
    frame[:, :6] = frame[:, -6:] = True
    x = np.where(frame, np.uint8(0), moved(scenes(900, coarse=12), 0, 0))
    assert (found(x[:600], x[600:])[1] >= 0).mean() <= 0.01


def test_pictures_of_few_pixels_are_compared_exactly() -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    same, near = found(x[:30], np.concatenate([x[30:], x[:2]]))
    assert same.tolist() == [-1] * 10 + [0, 1]
    assert (near == -1).all()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=8))
def test_differing_bits_are_counted(words: list[int]) -> None:
    half = len(words) // 2
    first, second = np.array(words[:half], dtype=np.uint64), np.array(words[half : 2 * half], dtype=np.uint64)
    expected = sum(bin(a ^ b).count("1") for a, b in zip(words[:half], words[half : 2 * half], strict=True))
    assert differing(first[None], second[None]).tolist() == [expected]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_few_pictures_are_borne(number: int) -> None:
    x = moved(scenes(3), 0, 0)
    same, near = found(x[:number], x)
    assert same.tolist() == [*range(number), *[-1] * (3 - number)]
    assert (near == -1).all()


def write(folder: Path, pictures: Pixels, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / name.format(number))


def tracks(root: Path, number: int = 5, frames: int = 8) -> Path:
    """Two classes of tracks: frames of one scene that is moved by a few pixels."""
    rng = np.random.default_rng(0)
    for k, label in enumerate("ab"):
        for track, scene in enumerate(scenes(number, seed=k)):
            shots = [moved(scene[None], *rng.integers(-1, 2, 2), 32, 3, f)[0] for f in range(frames)]
            write(root / label, np.stack(shots), f"{track:05d}_{{:05d}}.png")
    return root


def test_short_tracks_are_kept_together_and_nothing_leaks(tmp_path: Path) -> None:
    dataset = open_dataset(Reading(str(tracks(tmp_path / "tracks")), selection="last"))
    parts = [{name.partition("_")[0] for name in part.ids.tolist()} for part in (dataset.train, dataset.test)]
    assert not parts[0] & parts[1]
    assert "each of their 10 sets stays in one part" in " ".join(dataset.warnings)
    assert not check_leaks(dataset).found


def test_frames_of_a_long_track_in_two_parts_are_found_and_the_group_is_proposed(tmp_path: Path) -> None:
    dataset = open_dataset(Reading(str(tracks(tmp_path / "tracks", frames=MOST + 1)), selection="last"))
    leaks = check_leaks(dataset)
    assert leaks.spoils
    assert leaks.concerned.mean() >= 0.9
    near, group = leaks.found
    assert (near.code, group.code) == ("near", "group")
    assert near.change == group.change == ("--group-pattern '([^/]+)[_ -][^/]*$'",)
    assert 0 < len(near.pairs) <= 3
    for pair in near.pairs:
        assert pair.test.partition("_")[0] == pair.train.partition("_")[0]  # the class and the track
    assert f"{near.pairs[0].test} is like {near.pairs[0].train}" in leaks.notes[0]


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_byte_identical_copies_in_the_test_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Any
) -> None:
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path / "cache"))
    for k, label in enumerate("ab"):
        x = moved(scenes(50, seed=10 + k), 0, 0)
        write(tmp_path / "data" / "train" / label, x[:30], "p{}.png")
        write(tmp_path / "data" / "test" / label, np.concatenate([x[30:], x[:6]]), "q{}.png")
    dataset = open_dataset(Reading(str(tmp_path / "data"), selection="last", storage=storage))
    assert isinstance(dataset.test.inputs[0], StoredPictures) == (storage == "disk")
    leaks = check_leaks(dataset)
    (copies,) = leaks.found
    assert (copies.code, copies.rows, leaks.spoils) == ("identical", 12, True)
    assert "12 test pictures of 52 (23 %) have the same pixels as pictures trained on" in copies.sentence
    assert copies.sentence.endswith("Take the copies away from one of the parts, or test on rows from elsewhere.")


def test_the_validation_part_is_seen_too() -> None:
    x = moved(scenes(60), 0, 0)

    def part(rows: slice) -> Part:
        pixels = torch.from_numpy(x[rows].copy())
        return Part((pixels,), torch.zeros(len(pixels), dtype=torch.int64), np.arange(60)[rows].astype(str))

    known = known_pictures([part(slice(0, 40)), part(slice(40, 60))])
    alike = alike_pictures(known, torch.from_numpy(x[[50, 2]]))
    assert alike.same.tolist() == [50, 2]


@pytest.mark.parametrize(("copies", "spoilt"), [(3, False), (6, True)])
def test_a_few_that_are_nearly_the_same_do_not_spoil_the_figures(copies: int, spoilt: bool) -> None:
    x = scenes(300)
    noisy = moved(x[:copies], 0, 0, noise=4)
    train, test = (
        Part((torch.from_numpy(y),), torch.arange(len(y)) % 2, np.arange(len(y)).astype(str))
        for y in (moved(x[:100], 0, 0), np.concatenate([noisy, moved(x[100 : 300 - copies], 0, 0)]))
    )
    preprocessor = ImagePreprocessor.fit(train.inputs[0])
    leaks = check_leaks(Dataset("image", "made", ("a", "b"), train, None, test, preprocessor, "given", ""))
    assert leaks.concerned.sum() == copies
    assert leaks.spoils == spoilt


def letterboxed(pictures: Pixels, seed: int = 0) -> Pixels:
    """Pictures squeezed between black bars above and below, of several proportions."""
    out = np.zeros_like(pictures)
    heights = np.random.default_rng(seed).choice([32, 16, 12, 8], len(pictures), p=[0.6, 0.2, 0.1, 0.1])
    for at, (picture, height) in enumerate(zip(pictures, heights, strict=True)):
        image = Image.fromarray(picture.transpose(1, 2, 0)).resize((32, int(height)), Image.Resampling.BILINEAR)
        top = (32 - height) // 2
        out[at, :, top : top + height] = np.asarray(image).transpose(2, 0, 1)
    return out


def test_bars_beside_pictures_make_none_alike_and_hide_no_copy() -> None:
    x = moved(scenes(900), 0, 0)
    train = letterboxed(x[:600])
    assert (found(train, letterboxed(x[600:]))[1] >= 0).sum() == 0
    bright = letterboxed(np.clip(x[:100] * 0.8 + 30, 0, 255).astype(np.uint8))
    assert np.mean(found(train, bright)[1] == np.arange(100)) >= 0.9


def drawings(number: int, seed: int = 0) -> Pixels:
    """A small scene each, somewhere on white."""
    rng = np.random.default_rng(seed)
    out = np.full((number, 3, 32, 32), 255, dtype=np.uint8)
    for at, scene in enumerate(scenes(number, 14, seed)):
        down, right = rng.integers(2, 16, 2)
        out[at, :, down : down + 14, right : right + 14] = scene
    return out


def test_the_white_around_drawings_makes_none_alike_and_hides_no_copy() -> None:
    x = drawings(900)
    assert (found(x[:600], x[600:])[1] >= 0).sum() <= 1
    noisy = np.clip(x[:100] + np.random.default_rng(1).normal(0, 4, x[:100].shape), 0, 255).astype(np.uint8)
    assert np.mean(found(x[:600], noisy)[1] == np.arange(100)) >= 0.9


def test_signatures_are_kept_and_those_of_another_version_named(tmp_path: Path) -> None:
    known, _ = signatures(torch.from_numpy(moved(scenes(20), 0, 0)))
    write_trained_pictures(tmp_path, known)
    again = read_trained_pictures(tmp_path)
    assert again is not None
    np.testing.assert_array_equal(again.detail, known.detail)
    write_trained_pictures(tmp_path, replace(known, detail=known.detail[:, :6]))
    with pytest.raises(TailtuneError, match="another version"):
        read_trained_pictures(tmp_path)
