"""results.tex: the table that a paper prints."""

from __future__ import annotations

from fabricated_studies import study

from tailtune.report.study_tex import escaped, render


def test_a_table_of_arms_by_data_sets_and_ratios_with_the_best_in_bold() -> None:
    places = (("digits", 0.01), ("digits", 0.05), ("my_table", None))
    text = render(study({"erm": 0.0, "sama(rho=0.1)_50%": 0.06}, seeds=3, datasets=places).statistics)
    lines = text.splitlines()
    assert lines[0] == r"% needs \usepackage{booktabs}"
    assert r"\begin{tabular}{lrrr}" in lines
    top = lines.index(r"\toprule")
    assert lines[top + 1] == r" & \multicolumn{2}{c}{digits} & \multicolumn{1}{c}{my\_table} \\"
    assert lines[top + 2] == r"\cmidrule(lr){2-3} \cmidrule(lr){4-4}"
    assert lines[top + 3] == r"ratio & 0.01 & 0.05 &  \\"
    rows = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert [row.split(" & ")[0] for row in rows] == ["erm", r"sama(rho=0.1)\_50\%"]
    assert [row.count(r"\textbf") for row in rows] == [0, 3]
    assert all(row.count(r"$\pm$") == 3 for row in rows)
    assert text.count(r"\begin{table}") == 1


def test_the_metric_of_published_results_has_a_table_of_its_own() -> None:
    text = render(study(seeds=2, published="kappa").statistics)
    assert text.count(r"\begin{table}") == 2


def test_an_arm_without_a_figure_has_a_dash_and_a_single_seed_no_error() -> None:
    text = render(study({"erm": 0.0, "sama": 0.06}, seeds=1).statistics)
    assert r"\pm" not in text.partition(r"\midrule")[2]
    assert "\\midrule\n\\bottomrule" in render(study({}, seeds=1).statistics)


def test_names_print_as_they_are() -> None:
    assert escaped("a_b & 50% of $x#\n{y}") == r"a\_b \& 50\% of \$x\# \{y\}"
    assert escaped("^~<>\\") == (r"\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}\textbackslash{}")
