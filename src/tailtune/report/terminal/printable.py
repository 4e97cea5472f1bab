"""What the terminal is shown is text: control characters from data never reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import RenderHook
from rich.segment import Segment

from tailtune.words import printable_lines

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult


@dataclass(frozen=True)
class Printable:
    """Something to render whose texts come out printable; rich's own moves of the cursor stay."""

    shown: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments, whose styles are not part of their text."""
        for segment in console.render(self.shown, options):
            yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)


class PrintableHook(RenderHook):
    """Makes everything that a console shows printable: ``console.push_render_hook(PrintableHook())``."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap each of them."""
        return [Printable(shown) for shown in renderables]
