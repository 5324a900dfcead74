"""The blocks of docs/guide.md and docs/cohorts.md, run as they stand, in their order."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("distributed", reason="the extra [cohort] is not installed")

DOCS = pathlib.Path(os.environ.get("SINKHORN_DOCS") or pathlib.Path(__file__).parents[2] / "docs")
#: A console script where there is no wheel that would have installed it.
SCRIPTS = {"sinkhorn-cohort": "cohort", "sinkhorn-template": "template"}


def list_blocks(name):
    return re.findall(r"^```(python|sh)\n(.*?)^```$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the blocks run, with the programs on the path."""
    folder = tmp_path_factory.mktemp("guide")
    programs = folder / "bin"
    programs.mkdir()
    for program, function in SCRIPTS.items():
        path = programs / program
        path.write_text(f"#!{sys.executable}\nimport sys\nfrom itk_sinkhorn_cohort.command import {function}\n\n"
                        f"if __name__ == '__main__':\n    sys.exit({function}())\n")
        path.chmod(0o755)
    if register := os.environ.get("SINKHORN_REGISTER"):
        (programs / "sinkhorn-register").symlink_to(register)
    return folder


def run(folder, command):
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


def test_blocks(folder):
    has_program = bool(os.environ.get("SINKHORN_REGISTER") or shutil.which("sinkhorn-register"))
    python = "\n".join(text for kind, text in list_blocks("guide.md") if kind == "python")
    assert "sinkhorn_registration_method" in python
    run(folder, [sys.executable, "-W", "ignore", "-c", python])
    shell = [text for kind, text in list_blocks("guide.md") if kind == "sh"]
    for text in shell:
        if has_program or "sinkhorn-register" not in text:
            run(folder, ["bash", "-e", "-c", text])
    assert (folder / "cohort" / "results.csv").exists() and (folder / "template" / "template.nii.gz").exists()
    if has_program:
        assert (folder / "by-label" / "report.json").exists()
    for kind, text in list_blocks("cohorts.md"):
        assert kind == "python"
        script = folder / "block.py"
        script.write_text(text)
        run(folder, [sys.executable, "-W", "ignore", str(script)])
