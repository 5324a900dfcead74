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
"""Tables of pairs and of subjects: what is to be registered, and the rows and scores that come out."""
import csv
import dataclasses
import pathlib
import re

from itk_sinkhorn_cohort import state

#: Columns of files, in the order in which they are shown; of these only the first two are needed.
PAIR_COLUMNS = ("fixed", "moving", "fixed_labels", "moving_labels", "fixed_mask", "moving_mask")
SUBJECT_COLUMNS = ("image", "labels", "mask")

_NAME = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*")


class TableError(ValueError):
    """A table that can't be worked with: the message names the file, the line and the remedy."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """One registration: the moving image is brought onto the fixed one. Files are absolute paths, "" where there is none."""

    id: str
    fixed: str
    moving: str
    fixed_labels: str = ""
    moving_labels: str = ""
    fixed_mask: str = ""
    moving_mask: str = ""
    #: A file of a transform from which the registration begins.
    initial: str = ""

    def files(self):
        """The files that there are, by their role."""
        roles = (*PAIR_COLUMNS, "initial")
        return {role: getattr(self, role) for role in roles if getattr(self, role)}


@dataclasses.dataclass(frozen=True)
class Subject:
    """One image of a group that a template is made of."""

    id: str
    image: str
    labels: str = ""
    mask: str = ""


def stem(path):
    """The name of an image file without its folder and its endings."""
    name = pathlib.PurePath(path).name
    return name[: name.lower().rfind(".nii")] if name.lower().endswith((".nii", ".nii.gz")) else pathlib.PurePath(name).stem


def _read_rows(path, known, needed):
    """Rows of a table (comma, semicolon or tab) as dictionaries, with the numbers of their lines."""
    path = pathlib.Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"table '{path}': can't be read ({error}); give a file of comma-separated values") from error
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    for name in needed:
        if name not in columns:
            raise TableError(f"table '{path}': has no column '{name}'; its first line must name {', '.join(needed)}")
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise TableError(f"table '{path}': column '{unknown[0]}' is unknown; there are {', '.join(known)}")
    for row in reader:
        if None in row:
            raise TableError(f"table '{path}', line {reader.line_num}: has more cells than the first line names columns")
        cells = {name: (cell or "").strip() for name, cell in row.items()}
        if any(cells.values()):
            yield reader.line_num, cells


def _absolute(cell, folder):
    """Paths of a table are relative to its folder."""
    return str((folder / pathlib.Path(cell).expanduser()).absolute()) if cell else ""


def _check_name(name, names, where):
    if not _NAME.fullmatch(name):
        raise TableError(f"{where}: id '{name}' can't name a folder; use letters, digits and . _ + = - only")
    if name in names:
        raise TableError(f"{where}: id '{name}' stands there twice; give each line one of its own")
    names.add(name)


def _read(path, columns, needed, make):
    path = pathlib.Path(path).absolute()
    names, found = set(), []
    for line, cells in _read_rows(path, ("id", *columns), needed):
        where = f"table '{path}', line {line}"
        for name in needed:
            if not cells[name]:
                raise TableError(f"{where}: the cell of '{name}' is empty")
        files = {name: _absolute(cells.get(name, ""), path.parent) for name in columns}
        name = cells.get("id") or "_".join(stem(files[column]) for column in needed)
        _check_name(name, names, where)
        found.append(make(id=name, **files))
    if not found:
        raise TableError(f"table '{path}': has no line below its heading")
    return found


def read_pairs(path):
    """The pairs of a table with the columns fixed, moving and, where there are such files, fixed_labels, moving_labels,
    fixed_mask, moving_mask; id names the folder of the results (default: the names of both images).

    Raises
    ------
    TableError
        A column or cell that is missing, an unknown column, an id that stands there twice.
    """
    return _read(path, PAIR_COLUMNS, ("fixed", "moving"), Pair)


def read_subjects(path):
    """The images of a table with the columns image and, where there are, labels, mask and id; see read_pairs()."""
    return _read(path, SUBJECT_COLUMNS, ("image",), Subject)


def write_rows(path, columns, rows):
    """A table of dictionaries; it appears as a whole."""
    def write(file):
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    state.write_text(path, write)
