"""Rewrite the records on file as a run of today would write them, without changing a result.

A run's key is a hash of its whole configuration. A new hyperparameter whose default does what was
always done changes no result, but every key: this adds the default to each record's configuration
and renames the record and its artifact. It also adds the seconds per iteration, which follow from
what every record says. Run it while nothing else writes to the records.
"""

import argparse
import json
from pathlib import Path

from desom.experiments import records
from desom.experiments.run import configuration, seconds_per_iteration
from desom.storage import atomic_write


def rekey(path):
    """Rewrite one file of records, and rename its artifacts.

    Parameters
    ----------
    path : Path
        ``<folder>/<method>/<dataset>.jsonl``.

    Returns
    -------
    int
        How many records changed.
    """
    folder, method, dataset = path.parents[1], path.parent.name, path.stem
    found = records.read(folder, method, dataset).values()
    renamed, changed = {}, 0
    for record in found:
        record["config"] = configuration(method, **record["config"])
        key = records.run_key(method, dataset, record["seed"], record["config"])
        if key != record["key"] and record["artifact"]:
            artifact = record["artifact"].replace(record["key"], key)
            renamed[folder / record["artifact"]] = folder / artifact
            record["artifact"] = artifact
        changed += key != record["key"]
        record["key"] = key
        record["seconds"] |= seconds_per_iteration(
            record["config"], record["seconds"], record["curves"]
        )
    with atomic_write(path) as file:
        file.writelines(json.dumps(record).encode() + b"\n" for record in found)
    for old, new in renamed.items():
        old.rename(new)
    return changed


def main():
    """Rewrite every file of records in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default=records.default_folder(), type=Path)
    folder = parser.parse_args().results
    changed = sum(rekey(path) for path in sorted(folder.glob("*/*.jsonl")))
    print(f"{changed} records have a new key.")


if __name__ == "__main__":
    main()
