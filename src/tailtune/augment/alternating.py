"""Alternating flip: an image that was mirrored in one epoch is not in the next one."""

from __future__ import annotations

import torch
from torch import Tensor

from tailtune.augment.geometry import mirror


def alternating_flip(pixels: Tensor, rows: Tensor, epoch: int) -> Tensor:
    """Mirror in even epochs one half of the training rows, in odd epochs the other half.

    Any two consecutive epochs show every row in both directions, where independent flips repeat one for half of the
    rows. Which half a row belongs to follows from its number alone, by a hash, so it needs no memory and is the same
    on every process and after an interruption.

    Args:
        pixels: images [B, C, H, W].
        rows: numbers of the training rows, int64 [B].
        epoch: number of the epoch, from 0.

    Returns:
        Images [B, C, H, W].

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU".
    """
    return mirror(pixels, mirrored(rows, epoch))


def mirrored(rows: Tensor, epoch: int) -> Tensor:
    """Return 1 for the rows, int64 [B], that are mirrored in an epoch, else 0: int64 [B]."""
    return (half(rows) + epoch) % 2


def half(rows: Tensor) -> Tensor:
    """Return 0 or 1 for every row, int64 [B]: a bit of its number's hash (the finaliser of MurmurHash3, 32 bits)."""
    mask = 0xFFFFFFFF
    bits = rows.to(torch.int64) & mask
    bits = ((bits ^ (bits >> 16)) * 0x85EBCA6B) & mask
    bits = ((bits ^ (bits >> 13)) * 0xC2B2AE35) & mask
    return (bits ^ (bits >> 16)) & 1
