from __future__ import annotations

from tailtune.paper.page import Table
from tailtune.paper.writing import comma_separated, latex, markdown

TABLE = Table("50 % ± 1", ("a & b", "c"), (("x|y", "1.0 ± 0.1"), ("z", "–")))


def test_a_table_is_the_same_in_markdown_latex_and_csv() -> None:
    assert markdown(TABLE) == "| a & b | c |\n|---|---|\n| x\\|y | 1.0 ± 0.1 |\n| z | – |"
    assert comma_separated(TABLE) == "a & b,c\nx|y,1.0 ± 0.1\nz,–\n"
    text = latex(TABLE)
    assert "a \\& b & c \\\\\n\\midrule\nx|y & 1.0 $\\pm$ 0.1 \\\\\nz & -- \\\\" in text
    assert "\\caption{50 \\% $\\pm$ 1}" in text
    assert "{lr}" in text
