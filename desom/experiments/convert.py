"""Records in the old form, a line each, turned into one file per run."""

from pathlib import Path

from desom.errors import InputError
from desom.experiments import records
from desom.storage import atomic_write

# The file of an old file's lines that could not be converted.
LEFT = ".left"


def convert(folder):
    """Give every record of a folder a file of its own; an old file goes once all of it is kept.

    Lines that are no records, or not the last of their run, are kept in ``<old file>.left``. No old
    file goes before its records are written, so a conversion can be repeated. Gives how many lines
    have become files, and a sentence for each line that was left and each foreign file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that holds records.")
    converted, named = 0, []
    for old in records.old_files(folder):
        left = []
        # Of two records of one run, the last counts.
        for number, line in reversed([*enumerate(old.read_bytes().split(b"\n"), start=1)]):
            refusal = _convert_line(folder, old, line) if line.strip() else None
            converted += bool(line.strip()) and not refusal
            if refusal:
                left.insert(0, line)
                named.append(f"{old}, line {number}, {refusal}; it is kept in {old.name}{LEFT}.")
        _keep(old.with_name(f"{old.name}{LEFT}"), left)
        old.unlink()
    return converted, named + [
        f"{path} belongs to no record; it stays." for path in _foreign(folder)
    ]


def _convert_line(folder, old, line):
    """Write the record of a line; say why if that cannot be."""
    record = records.parse(line)
    if record is None:
        return "is not a record"
    failed = old.parent == folder
    if not failed and (old.parent.name, old.stem) != (record["method"], record["dataset"]):
        return "is of another method or data set"
    ending = records.FAILED if failed else ".json"
    path = records.place(folder, *records.names(record), ending)
    if not path.exists():
        records.write(folder, record, ending)
    elif records.parse(path.read_bytes()) != record:
        return "is not the last of its run"
    return None


def _keep(path, lines):
    """Add lines to a file that they are not in."""
    before = path.read_bytes().split(b"\n") if path.exists() else []
    if lines:
        with atomic_write(path) as file:
            file.write(b"\n".join(dict.fromkeys([*before, *lines])))


def _foreign(folder):
    """Find the files that belong to no run."""
    for path in sorted((*folder.glob("*"), *folder.glob("[!.]*/*"))):
        if path.is_dir() or path.suffix == LEFT or path == folder / "benchmarks.json":
            continue
        ending = records.FAILED if path.name.endswith(records.FAILED) else path.suffix
        try:
            record = path.with_suffix(".json") if ending == ".npz" else path
            records.read_file(record, ending.replace(".npz", ".json"))
        except (InputError, OSError):
            yield path
