#!/usr/bin/env python3
"""Print what the demonstration's reports say: demo-table.py OUTPUT

OUTPUT holds one folder <pair>-<program> with a report.json for each registration.
"""
import json
import pathlib
import sys

COLUMNS = ("pair", "program", "Dice before", "Dice after", "TRE, mm", "folded %", "min Jacobian", "seconds")


def format_number(value, pattern):
    return "-" if value is None else pattern.format(value)


def read_row(report_path):
    report = json.loads(report_path.read_text())
    folded = report.get("folded_fraction")
    pair, _, program = report_path.parent.name.rpartition("-")
    return (
        pair,
        "sinkhorn-register" if program == "sinkhorn" else program,
        format_number(report.get("dice_before_mean"), "{:.3f}"),
        format_number(report.get("dice_after_mean"), "{:.3f}"),
        format_number(report.get("tre_after"), "{:.2f}"),
        format_number(None if folded is None else 100 * folded, "{:.2f}"),
        format_number(report.get("min_jacobian"), "{:.3f}"),
        format_number(report.get("seconds"), "{:.1f}"),
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    output = pathlib.Path(sys.argv[1])
    reports = sorted(output.glob("*-*/report.json"))
    if not reports:
        sys.exit(f"demo-table: no report.json below {output}")
    rows = [COLUMNS] + [read_row(path) for path in reports]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(w) if k < 2 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))).rstrip())
    print(f"\nPictures: {output}/<pair>-sinkhorn/overview.png\nNumbers:  {output}/<pair>-<program>/report.json")
    if any(output.glob("*-greedy")):
        print(f"Side by side: {output}/<pair>.png")


if __name__ == "__main__":
    main()
