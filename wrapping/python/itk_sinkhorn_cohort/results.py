# ==========================================================================
#
#   Copyright NumFOCUS
#
#   Licensed under the Apache License, Version 2.0 (the "License");
#   you may not use this file except in compliance with the License.
#   You may obtain a copy of the License at
#
#          https://www.apache.org/licenses/LICENSE-2.0.txt
#
#   Unless required by applicable law or agreed to in writing, software
#   distributed under the License is distributed on an "AS IS" BASIS,
#   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
#   See the License for the specific language governing permissions and
#   limitations under the License.
#
# ==========================================================================
"""Rows and tables of results."""
import pathlib

from itk_sinkhorn_cohort import table

#: Of report.json, as columns of results.csv.
FIGURES = (
    "kept", "converged", "iterations", "value_before", "value_after", "similarity_before", "similarity_after", "dice_before_mean",
    "dice_after_mean", "min_jacobian", "folded_fraction", "marginal_error",
)
COLUMNS = ("id", "status", "message", *FIGURES, "seconds", "peak_memory_mb", "threads", "host", *table.PAIR_COLUMNS, "results")
SCORE_COLUMNS = ("id", "label", "dice_before", "dice_after")


def make_row(pair, record, problem=None):
    """A row of results.csv as a dictionary, with the whole report."""
    row = {"id": pair.id, **pair.files()}
    if record is None:
        return {**row, "status": "failed", "message": problem or "", "report": {}}
    report = record["report"]
    kept = report.get("kept", "result")
    figures = {name: report.get(name) for name in FIGURES}
    facts = {name: record.get(name) for name in ("seconds", "peak_memory_mb", "threads", "host")}
    return {
        **row, **figures, **facts, "status": "done", "message": "" if kept == "result" else f"the {kept} was kept",
        "results": pair.id, "report": report,
    }


def worst_first(rows):
    """Failed pairs, then by folds, then by the agreement of labels, or else by what similarity was gained."""
    def badness(row):
        if row["status"] != "done":
            return (0, 0.0, 0.0, row["id"])
        score = row.get("dice_after_mean")
        if score is None:
            score = (row.get("similarity_after") or 0.0) - (row.get("similarity_before") or 0.0)
        return (1, -(row.get("folded_fraction") or 0.0), score, row["id"])

    return sorted(rows, key=badness)


def write_tables(output, rows):
    """results.csv, a row for each pair, and scores.csv, one for each label of each."""
    output = pathlib.Path(output)
    table.write_rows(output / "results.csv", COLUMNS, rows)
    scores = [
        {"id": row["id"], "label": label, "dice_before": row["report"]["dice_before"].get(label, ""), "dice_after": value}
        for row in rows
        for label, value in row["report"].get("dice_after", {}).items()
    ]
    table.write_rows(output / "scores.csv", SCORE_COLUMNS, scores)
