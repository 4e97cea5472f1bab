from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tailtune.report.inline_svg import VARIABLES
from tailtune.report.run_page import figures


@pytest.fixture
def made(ten_images: Callable[..., Any]) -> dict[str, str]:
    result, history, made = ten_images()
    columns = [made.model.probabilities[:, 9], made.baselines["erm"].probabilities[:, 9]]
    return {
        "losses": figures.losses(history, 9),
        "scores": figures.scores(history, None, "accuracy on the rarest classes"),
        "sizes": figures.class_sizes(result.data.counts.train),
        "recall": figures.recall_by_size(result.systems),
        "reliability": figures.reliability(result.systems),
        "curve": figures.precision_recall(made.targets, columns, 9, "curve", "of <lorry> & co.", (0.5, 0.8)),
    }


def test_figures_are_xml_with_a_title_and_without_fixed_colours_fonts_or_sizes(made: dict[str, str]) -> None:
    for name, svg in made.items():
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("viewBox")
        assert root.get("width") is None
        assert root[0].tag.endswith("title")
        assert root[0].text
        assert re.findall(r"#[0-9a-f]{6}\b", svg) == [], name
        assert "font-family" not in svg
        assert "DejaVu" not in svg
    assert "of &lt;lorry&gt; &amp; co." in made["curve"]
    assert all(variable.startswith("var(--") for variable in VARIABLES.values())


def test_ids_are_of_their_figure_and_references_resolve(made: dict[str, str]) -> None:
    for svg in made.values():
        ids = re.findall(r'\bid="([^"]*)"', svg)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#([^)]*)\)", svg)) <= set(ids)
    everything = [id_ for svg in made.values() for id_ in re.findall(r'\bid="([^"]*)"', svg)]
    assert len(everything) == len(set(everything))


def test_the_same_input_gives_the_same_markup(ten_images: Callable[..., Any]) -> None:
    systems = ten_images().result.systems
    assert figures.reliability(systems) == figures.reliability(systems)


def test_log_axes_write_numbers_out(made: dict[str, str]) -> None:
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", made["recall"])
    assert "100" in texts
    assert "1\N{NARROW NO-BREAK SPACE}000" in texts
    assert not any("e+" in text for text in texts)


def test_a_class_without_training_rows_is_drawn(binary_table: Callable[..., Any]) -> None:
    def empty(content: dict[str, Any]) -> None:
        for entry in content["systems"]:
            entry["per_class"][1]["train_count"] = 0

    ET.fromstring(figures.recall_by_size(binary_table().changed(empty).result.systems))
    ET.fromstring(figures.class_sizes([10, 3, 0]))


def test_the_confusion_figure_has_a_pixel_a_cell_in_the_given_order() -> None:
    confusion = [[8, 2, 0], [0, 5, 5], [0, 0, 0]]
    svg = figures.confusion_figure(confusion, [1, 0, 2], ["a", "<b>", "c" * 40])
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert [text.text for text in root.iter(f"{space}text")] == [x for x in ("<b>", "a", "c" * 17 + "…") for _ in "12"]
    (element,) = root.iter(f"{space}image")
    image = Image.open(io.BytesIO(base64.b64decode(element.attrib["href"].removeprefix("data:image/png;base64,"))))
    expected = np.sqrt(np.array([[0.5, 0, 0.5], [0.2, 0.8, 0], [0, 0, 0]]))
    np.testing.assert_allclose(np.asarray(image)[..., 3] / 255, expected, atol=0.003)


def test_more_classes_than_have_room_for_labels_have_none() -> None:
    k = figures.LABELLED + 1
    assert "<text" not in figures.confusion_figure(np.eye(k, dtype=int), range(k), [str(i) for i in range(k)])
