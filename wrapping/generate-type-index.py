#!/usr/bin/env python3
"""Make the type indices (.idx) of the ITK modules that the metric refers to: generate-type-index.py ITK_BUILD

ITK's build would describe the whole dependency closure with castxml before it indexes anything. The modules below are
enough for a v4 metric, if the master indices (.mdx) do not name indices that were never made. The full master indices stay
beside the trimmed ones as .mdx.full.
"""
import pathlib
import re
import subprocess
import sys

MODULES = (
    "ITKTransform",
    "ITKImageFunction",
    "ITKMesh",
    "ITKSpatialObjects",
    "ITKDisplacementField",
    "ITKOptimizers",
    "ITKOptimizersv4",
    "ITKMetricsv4",
    "ITKRegistrationMethodsv4",
)


def trim_master_indices(typedefs, keep=None):
    """Drop from every .mdx, but for that of the module `keep`, the .idx files that do not exist."""
    for mdx in typedefs.glob("*.mdx"):
        full = mdx.with_name(mdx.name + ".full")
        if not full.exists():
            full.write_text(mdx.read_text())
        lines = full.read_text().splitlines(keepends=True)
        if mdx.stem != keep:
            lines = [l for l in lines if not l.strip().endswith(".idx") or (typedefs / l.strip()).exists()]
        mdx.write_text("".join(lines))


def find_commands(build):
    """The igenerator command of each module, as ninja would run it."""
    listing = subprocess.run(
        ["ninja", "-C", build, "-t", "commands", "ITKRegistrationMethodsv4Swig"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in listing.splitlines():
        match = re.search(r"igenerator\.py --mdx \S*/(\w+)\.mdx", line)
        if match:
            found[match.group(1)] = line
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    typedefs = build / "Wrapping" / "Typedefs"
    stamps = build / "sinkhorn-type-index"
    stamps.mkdir(exist_ok=True)
    commands = find_commands(build)
    for module in MODULES:
        stamp = stamps / module
        if stamp.exists():
            continue
        trim_master_indices(typedefs, module)
        print(f"indexing {module}", flush=True)
        run = subprocess.run(commands[module], shell=True, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{run.stdout[-1500:]}\n{run.stderr[-3000:]}\ngenerate-type-index: {module} failed")
        stamp.touch()
    trim_master_indices(typedefs)


if __name__ == "__main__":
    main()
