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
"""State is files. Whatever ends a run, at any moment: what is done is there as a whole, and nothing else looks like it."""
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import socket
import uuid

#: Of what results mean: another number makes all of them new.
FORMAT = 1
#: The file that says what a folder of results was made of; without it there are no results.
RECORD = "result.json"
_STAGING = ".unfinished-"
_OLD = ".replaced-"


class FolderInUse(RuntimeError):
    """Another run works on this folder."""


def _flush(path):
    """What was written survives the loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path, write):
    """Writes a file that appears as a whole or not at all. `write` is the text, or a function of the open file."""
    path = pathlib.Path(path)
    staged = path.with_name(f"{_STAGING}{uuid.uuid4().hex}-{path.name}")
    try:
        with open(staged, "w", encoding="utf-8", newline="") as file:
            write(file) if callable(write) else file.write(write)
        _flush(staged)
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)


def write_json(path, value):
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path):
    """What stands in a file, or None where there is none that can be read."""
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def make_key(value):
    """A name for what a result follows from: numbers, texts, lists and dictionaries of them."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_done(folder, key):
    """Whether a folder holds the results of this key, all of them and whole."""
    return read_result(folder, key) is not None


def read_result(folder, key):
    """The record of finished results, or None."""
    folder = pathlib.Path(folder)
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or record.get("key") != key:
        return None
    for name, size in record["files"].items():
        try:
            if (folder / name).stat().st_size != size:
                return None
        except OSError:
            return None
    return record


@contextlib.contextmanager
def staged_results(folder, key, record):
    """A new folder to write results into. Where the block ends without an error it takes the place of `folder`, with the
    dictionary `record`, which the block may fill; otherwise it goes.

    Two workers may do the same at the same time: the results of one of them stay.
    """
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = folder.with_name(f"{_STAGING}{uuid.uuid4().hex}-{folder.name}")
    staged.mkdir()
    try:
        yield staged
        sizes = {}
        for path in sorted(staged.iterdir()):
            _flush(path)
            sizes[path.name] = path.stat().st_size
        write_json(staged / RECORD, {**record, "key": key, "files": sizes})
        _flush(staged)
        _put_in_place(staged, folder, key)
        _flush(folder.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _put_in_place(staged, folder, key):
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):
            if is_done(folder, key):
                return
            old = folder.with_name(f"{_OLD}{uuid.uuid4().hex}-{folder.name}")
            os.rename(folder, old)
            shutil.rmtree(old, ignore_errors=True)
        try:
            os.rename(staged, folder)
            return
        except OSError:  # not empty: another worker was faster
            continue
    raise OSError(f"{folder}: the results can't be put there; another program writes into this folder")


def remove_leftovers(folder):
    """Takes away what runs that were killed have left in a folder."""
    for path in pathlib.Path(folder).glob(".*"):
        if path.name.startswith((_STAGING, _OLD)):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(folder):
    """Keeps a second run out of a folder while the block lasts; the system opens the lock of a run that is killed."""
    path = pathlib.Path(folder) / ".lock"
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise FolderInUse(
                f"output '{folder}': {file.read().strip() or 'another run'} works on this folder; wait for it, or choose another"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


class Deaths:
    """How often work on a result has begun without coming to an end: the worker was killed meanwhile."""

    def __init__(self, folder, name):
        self._path = pathlib.Path(folder) / f".begun-{name}"

    def begin(self):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")

    def forget(self):
        self._path.unlink(missing_ok=True)

    def count(self):
        try:
            return len(self._path.read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return 0


class FileHashes:
    """SHA-256 of files, remembered by path, size and time of change, so that nothing is read twice."""

    def __init__(self, memory=None):
        self._memory = memory
        stored = read_json(memory) if memory else None
        self._known = stored if isinstance(stored, dict) else {}
        self._changed = False

    def get(self, path):
        """The hash of a file, of a folder of files, or of a header with the file of voxels that it names."""
        parts = list_parts(path)
        hashes = [self._hash(part) for part in parts]
        return hashes[0] if len(hashes) == 1 else make_key(hashes)

    def _hash(self, path):
        facts = os.stat(path)
        stamp = [facts.st_size, facts.st_mtime_ns]
        known = self._known.get(str(path))
        if known and known[:2] == stamp:
            return known[2]
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._known[str(path)] = [*stamp, digest]
        self._changed = True
        return digest

    def save(self):
        if self._changed and self._memory:
            write_json(self._memory, self._known)


def list_parts(path):
    """The files that an image consists of: a DICOM folder has many, a detached header one beside itself."""
    path = pathlib.Path(path)
    if path.is_dir():
        return sorted(part for part in path.iterdir() if part.is_file())
    parts = [path]
    suffix = path.suffix.lower()
    if suffix == ".hdr":
        parts += [other for ending in (".img", ".img.gz") if (other := path.with_suffix(ending)).exists()]
    elif suffix in (".mhd", ".nhdr"):
        sign, name = ("=", "elementdatafile") if suffix == ".mhd" else (":", "data file")
        for line in path.read_text(errors="replace").splitlines():
            word, found, value = line.partition(sign)
            if found and word.strip().lower() in (name, name.replace(" ", "")):
                other = path.parent / value.strip()
                parts += [other] if other.is_file() else []
    return parts
