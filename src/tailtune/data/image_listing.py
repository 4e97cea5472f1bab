"""Which images a folder holds, of which class and in which part, in an order that never changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tailtune.data.decode import is_image
from tailtune.errors import TailtuneError
from tailtune.files import naming_files, refuse_bytes
from tailtune.words import quoted

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")


@dataclass(frozen=True)
class Listing:
    """The images of a folder by part ("train", and where there are such subfolders "val" and "test").

    Attributes:
        root: the folder.
        names: class names, sorted.
        files: of each part the images as (path relative to `root`, class name), sorted by class, then by path.
        strays: files that are not used, relative to `root`.
    """

    root: Path
    names: tuple[str, ...]
    files: dict[str, tuple[tuple[str, str], ...]]
    strays: tuple[str, ...]


def list_images(root: Path) -> Listing:
    """List a folder with one subfolder for each class, directly or within train/, val/ (valid/, validation/) and test/.

    Class folders are read with all folders within them. Hidden files are passed over.

    Args:
        root: the folder.

    Returns:
        The images of each part.

    Raises:
        TailtuneError: no such folder, no class folders, a class folder without images, fewer than two classes, two
            folders for one part, or classes in val/ or test/ that train/ lacks.
    """
    if not root.is_dir():
        raise TailtuneError(f"there is no folder {root}; check the path")
    parts = _part_folders(root)
    strays: list[str] = []
    files: dict[str, tuple[tuple[str, str], ...]] = {}
    names: tuple[str, ...] = ()
    for part, folder in parts.items():
        classes = _subfolders(folder)
        strays += _files(folder, root)
        found = {name: _images(folder / name, root, strays) for name in classes}
        if part == "train":
            names = tuple(classes)
            _check_classes(folder, found)
        unknown = sorted({name for name, images in found.items() if images} - set(names))
        if unknown:
            raise TailtuneError(
                f"{folder} has the class {quoted(unknown[0])}, which {parts['train']} lacks; add training images of it "
                "or remove the folder"
            )
        files[part] = tuple((path, name) for name in classes for path in found[name])
    if parts["train"] != root:
        strays += _files(root, root)
        strays += [path for name in _subfolders(root) if name.lower() not in PARTS for path in _walk(root / name, root)]
    return Listing(root, names, files, tuple(sorted(set(strays))))


def every_image(root: Path) -> list[str]:
    """Return all images under a folder relative to it, sorted; hidden ones are passed over."""
    return [path for path in _walk(root, root) if is_image(path)]


def class_folders(root: Path) -> list[str]:
    """Return the names of the subfolders, sorted, if all images lie in subfolders; else nothing."""
    return [] if any(is_image(path) for path in _files(root, root)) else _subfolders(root)


def has_parts(root: Path) -> bool:
    """Whether a folder holds train/ and the like instead of classes."""
    return "train" in {PARTS.get(name.lower()) for name in _subfolders(root)}


def _part_folders(root: Path) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name in _subfolders(root):
        part = PARTS.get(name.lower())
        if part in folders:
            raise TailtuneError(f"{root} has two {part} folders, {folders[part].name}/ and {name}/; keep one of them")
        if part is not None:
            folders[part] = root / name
    if "train" in folders:
        return {part: folders[part] for part in ("train", "val", "test") if part in folders}
    if folders and len(folders) == len(_subfolders(root)):
        raise TailtuneError(f"{root} has {next(iter(folders.values())).name}/ but no train/; add the training images")
    return {"train": root}


def _check_classes(folder: Path, found: dict[str, list[str]]) -> None:
    loose = [path for path in _files(folder, folder) if is_image(path)]
    if not found:
        what = f"{len(loose)} images but no class folders" if loose else "no class folders"
        raise TailtuneError(f"{folder} has {what}; put the images of each class into a subfolder of its own")
    for name, images in found.items():
        if not images:
            raise TailtuneError(f"class folder {folder / name} holds no images; add some or remove the folder")
    if len(found) == 1:
        raise TailtuneError(
            f"{folder} has one class only ({quoted(next(iter(found)))}); add a folder with images of another class"
        )


def _images(folder: Path, root: Path, strays: list[str]) -> list[str]:
    paths = _walk(folder, root)
    strays += [path for path in paths if not is_image(path)]
    return [path for path in paths if is_image(path)]


def _subfolders(folder: Path) -> list[str]:
    return [name for name, is_folder in _entries(folder) if is_folder]


def _files(folder: Path, root: Path) -> list[str]:
    return [(folder / name).relative_to(root).as_posix() for name, is_folder in _entries(folder) if not is_folder]


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Return the names of the files and folders in a folder, sorted, and which are folders; pipes and such are not.

    Raises:
        TailtuneError: a folder that cannot be read, links in a circle, or a name that is not UTF-8.
    """
    found: list[tuple[str, bool]] = []
    with naming_files(), os.scandir(folder) as entries:
        for entry in entries:
            if not _hidden(entry.name) and (entry.is_dir() or entry.is_file()):
                refuse_bytes(entry.name, f"{folder}: ")
                found.append((entry.name, entry.is_dir()))
    return sorted(found)


def _walk(folder: Path, root: Path) -> list[str]:
    return sorted(_descend(folder, root, set()))


def _descend(folder: Path, root: Path, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the files below a folder.

    Raises:
        TailtuneError: links lead to one folder twice, so that there may be no end.
    """
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        raise TailtuneError(f"{folder} leads by a link to a folder that is read already; remove the link")
    seen.add((status.st_dev, status.st_ino))
    yield from _files(folder, root)
    for name in _subfolders(folder):
        yield from _descend(folder / name, root, seen)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER
