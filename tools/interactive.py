"""Make what the book's interactive page loads: trained models, small enough for a browser.

``python tools/interactive.py`` writes two files for each data set into ``book/_extra/interactive``:
``<data set>.js``, the model of the run that the chapter on the map looks at, and
``<data set>-maps.js``, the maps of recorded runs. What the rounding costs goes to the tables of
``book/explore.md``. A model is read from ``_build/interactive``, or trained anew and saved there;
``--maps`` makes the maps alone.
"""

import argparse
import base64
import json
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "book" / "explore.md"
FOLDER = REPOSITORY / "book" / "_extra" / "interactive"
DATASETS = ("mnist", "fashion_mnist")
BEGIN, END = "<!-- measured: written by tools/interactive.py -->", "<!-- end of measured -->"
LIMIT = 3_000_000
MEMBERS = 12
BLOCK = 5_000


def forward(x, layers):
    """Give what each of the layers (kernel, bias) gives for x (N, D), with ReLU between them."""
    for number, (kernel, bias) in enumerate(layers, start=1):
        x = x @ kernel + bias
        if number < len(layers):
            x = np.maximum(x, 0)
        yield x


def output(x, layers):
    """Give what the last layer gives, computed in blocks of rows; arguments as `forward`'s."""
    blocks = (x[start : start + BLOCK] for start in range(0, len(x), BLOCK))
    return np.concatenate([list(forward(block, layers))[-1] for block in blocks])


def prune(x, layers):
    """Leave out what is 0 for every row of x (N, D): inputs, and hidden units that never fire.

    Gives the columns of x that are left, and smaller layers (kernel, bias), which give the same for
    x, up to the order of sums.
    """
    alive = [np.zeros(len(kernel), bool) for kernel, _ in layers]
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        for fires, values in zip(alive, [block, *forward(block, layers)], strict=False):
            fires |= (values != 0).any(axis=0)
    alive.append(np.ones(layers[-1][0].shape[1], bool))
    smaller = [
        (kernel[np.ix_(before, after)], bias[after])
        for (kernel, bias), (before, after) in zip(layers, pairwise(alive), strict=True)
    ]
    return np.flatnonzero(alive[0]), smaller


def quantise(kernel):
    """Round a kernel (inputs, outputs) to 8 bits: the largest weight of a row is 127.

    Gives steps, int8 (inputs, outputs), multiples of the scales, float32 (inputs,).
    """
    largest = np.abs(kernel).max(axis=1)
    scales = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    return np.round(kernel / scales[:, None]).astype(np.int8), scales


def compress(x, layers, name):
    """Prune and round a network for the data x (N, D) that it will see.

    Gives the arrays by which the page applies it, whose names begin with ``name``, and the rounded
    layers as float32, for rows of ``x[:, arrays[f"{name}_inputs"]]``.
    """
    inputs, layers = prune(x, layers)
    arrays, rounded = {f"{name}_inputs": inputs.astype(np.uint16)}, []
    for number, (kernel, bias) in enumerate(layers):
        steps, scales = quantise(kernel)
        for part, values in (("kernel", steps), ("scales", scales), ("bias", bias)):
            arrays[f"{name}_{part}_{number}"] = values
        rounded.append((steps * scales[:, None], bias))
    return arrays, rounded


def stroke_width(images):
    """Measure the median width of strokes, twice the depth of ink along its ridges, in pixels.

    From images (N, height, width) of ink from 0 to 1, to a quarter of a pixel.
    """
    from scipy import ndimage

    widths = []
    for image in images:
        ink = ndimage.zoom(image, 4, order=1) > 0.5
        depth = ndimage.distance_transform_edt(ink)
        ridge = (depth == ndimage.maximum_filter(depth, 5)) & (depth > 1)
        widths.append(np.median(depth[ridge]) / 2)
    return round(float(np.median(widths)) * 4) / 4


def members(units, distances, n_units):
    """Choose images of every unit at even ranks, from the nearest to its prototype to the farthest.

    From best-matching units and distances (N,) to indices, unit after unit, ``MEMBERS`` of each.
    """
    chosen = []
    for unit in range(n_units):
        mine = np.flatnonzero(units == unit)
        mine = mine[np.argsort(distances[mine], kind="stable")]
        ranks = np.linspace(0, len(mine) - 1, min(MEMBERS, len(mine))).round().astype(int)
        chosen.append(mine[ranks])
    return np.concatenate(chosen)


def page_data(estimator, data, n_test, key):
    """Give the arrays of the page, and the facts that it shows, such as what the rounding costs.

    Of a fitted DESOM and its data, images with labels, of which the last ``n_test`` give a sample
    of every class; ``key`` is the record whose prototypes it has, or None.
    """
    from desom.experiments.artifact import as_bytes
    from desom.metrics.clustering import class_counts
    from desom.report.tables import DATASETS as LABELS

    def network(keras_model):
        weights = keras_model.get_weights()
        return list(zip(weights[::2], weights[1::2], strict=True))

    def nearest(codes):
        squared = ((codes[:, None] - prototypes) ** 2).sum(axis=2)
        return squared.argmin(axis=1), np.sqrt(squared.min(axis=1))

    def purity(units):
        return float(class_counts(data.y, units, len(prototypes)).max(axis=1).sum() / len(data.y))

    def error(images):
        return float(((images - data.x) ** 2).mean())

    prototypes = estimator.cluster_centers_
    codes, units = estimator.transform(data.x), estimator.predict(data.x)
    encoder, encoder_layers = compress(data.x, network(estimator.model_.encoder), "encoder")
    # The decoder sees the prototypes too, and codes between those of the data.
    decoder, decoder_layers = compress(
        np.concatenate([codes, prototypes]), network(estimator.model_.decoder), "decoder"
    )
    their_codes = output(data.x[:, encoder["encoder_inputs"]], encoder_layers)
    their_units, distances = nearest(their_codes)
    chosen = members(their_units, distances, len(prototypes))
    first = len(data.x) - n_test
    samples = [first + np.flatnonzero(data.y[first:] == c)[0] for c in np.unique(data.y)]
    arrays = encoder | decoder
    arrays |= {
        "prototypes": prototypes,
        "decoded": as_bytes(estimator.decode(prototypes)),
        "class_counts": class_counts(data.y, their_units, len(prototypes)).astype(np.int32),
        "distance_percentiles": np.percentile(distances, range(101)).astype(np.float32),
        "member_images": as_bytes(data.x[chosen]),
        "member_units": their_units[chosen].astype(np.uint16),
        "member_classes": data.y[chosen].astype(np.uint8),
        "sample_images": as_bytes(data.x[samples]),
        "sample_classes": data.y[samples].astype(np.uint8),
    }
    facts = {
        "run": key,
        "map_size": list(estimator.map_size),
        "name": LABELS.get(data.name, data.name),
        "classes": list(data.class_names),
        "images": len(data.x),
        "stroke_width": stroke_width(data.x[:: max(1, len(data.x) // 2000)].reshape(-1, 28, 28)),
        "weights": sum(w.size for w in estimator.model_.get_weights()),
        "kept": sum(a.size for name, a in arrays.items() if "_kernel_" in name or "_bias_" in name),
        "same_unit": float((their_units == units).mean()),
        "code_change": float(np.linalg.norm(their_codes - codes, axis=1).mean()),
        "quantization_error": float(nearest(codes)[1].mean()),
        "purity": [purity(units), purity(their_units)],
        "reconstruction_error": [
            error(estimator.decode(codes)),
            error(output(their_codes[:, decoder["decoder_inputs"]], decoder_layers)),
        ],
    }
    return arrays, facts


def maps_data(dataset):
    """Give decoded maps of recorded runs, uint8 (maps, 64, 784) of 64 grays, and facts of each.

    They are by ``time``, during a training, and for mnist by ``gamma`` and ``t_min``.
    """
    from desom.experiments.artifact import as_bytes
    from desom.experiments.grids import GRIDS
    from desom.experiments.records import load_artifact
    from desom.experiments.schedule import recorded, runs_of

    def runs(grid):
        if dataset not in GRIDS[grid].datasets:
            return []
        found = recorded(runs_of(grid, methods=["desom"], dataset_names=[dataset]))
        return [r for r in found if r["seed"] == 0 and not r["config"]["pretrain_iterations"]]

    def vary(grid, setting):
        others = {name: value for name, value in base.items() if name != setting}
        same = [r for r in runs(grid) if r["config"] | others == r["config"]]
        return sorted(same, key=lambda record: record["config"][setting])

    (trained,) = (r for r in runs("figure6") if r["config"]["snapshots"])
    base = trained["config"] | {"snapshots": 0}
    moments = load_artifact(trained)
    arrays = {"time": moments["snapshot_decoded"]}
    facts = {"time": [{"value": int(n)} for n in moments["snapshot_iteration"]]}
    for setting, grid in (("gamma", "figure7"), ("t_min", "training")):
        if records := vary(grid, setting):
            arrays[setting] = np.stack([as_bytes(load_artifact(r)["decoded"]) for r in records])
            facts[setting] = [
                {"value": r["config"][setting]}
                | {name: r["metrics"][name] for name in ("purity", "topographic_error")}
                for r in records
            ]
    return {name: images & 0xFC for name, images in arrays.items()}, facts


def script(arrays, facts, constant="ExploreData"):
    """Write arrays and facts as one line of JavaScript: a table of contents, and their bytes.

    That is ``const <constant> = {"facts": …, "arrays": …, "bytes": …};`` with the base64 of the
    zlib stream of all arrays, little-endian, one after another.
    """
    table = [[name, array.dtype.name, array.shape] for name, array in arrays.items()]
    raw = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    packed = base64.b64encode(zlib.compress(raw, 9)).decode()
    return f"const {constant} = {json.dumps({'facts': facts, 'arrays': table, 'bytes': packed})};\n"


def table(facts, size):
    """Lay out what the rounding costs as Markdown; ``size`` is that of the data file, in bytes."""
    (purity, their_purity), (error, their_error) = facts["purity"], facts["reconstruction_error"]
    rows = [
        ("numbers of the model", f"{facts['weights']:,}", f"{facts['kept']:,}"),
        ("purity", f"{purity:.4f}", f"{their_purity:.4f}"),
        ("reconstruction error, mean square", f"{error:.5f}", f"{their_error:.5f}"),
        ("same best-matching unit", "", f"{facts['same_unit']:.1%} of {facts['images']:,} images"),
        (
            "mean shift of the code",
            "",
            f"{facts['code_change'] / facts['quantization_error']:.1%} of the quantization error",
        ),
        ("width of a stroke, median", "", f"{facts['stroke_width']} pixels"),
        ("size of the data file", "", f"{size / 1e6:.2f} MB"),
    ]
    lines = ["| measure | as trained | on this page |", "|:--|--:|--:|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def with_tables(text, measured):
    """Put a table for each model, and the key of its run, between the markers in the page's text.

    ``measured`` is a list of facts and sizes of data files.
    """
    before, rest = text.split(BEGIN)
    parts = []
    for facts, size in measured:
        run = f"run `{facts['run']}`" if facts["run"] else "a training that is not recorded"
        parts.append(
            f"The model of {facts['name']} is that of {run}, rounded; all images measured."
        )
        parts.append(table(facts, size))
    middle = "\n\n".join([BEGIN, *parts, END])
    return before + middle + rest.split(END)[1]


def trained(path, data, record):
    """Read the estimator, or train it as the record's run and save it."""
    from desom import DESOM
    from desom.storage import load

    if path.exists():
        return load(path)
    settings = record["config"] | {"random_state": record["seed"], "verbose": True}
    del settings["snapshots"]  # which change nothing that is learned
    for name in ("map_size", "hidden_units"):
        settings[name] = tuple(settings[name])
    estimator = DESOM(**settings).fit(data.x)
    estimator.save(path)
    return estimator


def model_data(dataset):
    """Give arrays and facts of the page's model of a data set, which is trained if need be."""
    from desom import datasets
    from desom.experiments.records import load_artifact
    from desom.experiments.schedule import recorded, runs_of

    runs = runs_of("figure6", methods=["desom"], dataset_names=[dataset])
    (record,) = (r for r in recorded(runs) if r["config"]["snapshots"])
    data = datasets.load(dataset)
    path = REPOSITORY / "_build" / "interactive" / f"{dataset}.npz"
    estimator = trained(path, data, record)
    same = np.array_equal(estimator.cluster_centers_, load_artifact(record)["prototypes"])
    return page_data(estimator, data, 10_000, record["key"] if same else None)


def main():
    """Write the data files and the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--maps", action="store_true", help="make the recorded maps alone")
    maps_alone = parser.parse_args().maps
    measured, sizes = [], []
    for dataset in DATASETS:
        text = script(*maps_data(dataset), f"Maps_{dataset}")
        (FOLDER / f"{dataset}-maps.js").write_text(text, "utf-8")
        sizes.append(len(text))
        if not maps_alone:
            arrays, facts = model_data(dataset)
            text = script(arrays, facts, f"Model_{dataset}")
            (FOLDER / f"{dataset}.js").write_text(text, "utf-8")
            measured.append((facts, len(text)))
            sizes.append(len(text))
            print(json.dumps(facts, indent=1))
    if measured:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), measured), "utf-8")
    print(f"bytes of the data files: {sizes}")
    return int(max(sizes) >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
