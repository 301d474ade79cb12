"""Write the digits on which the page `watch` trains in the browser: scikit-learn's, as a script."""

import numpy as np

from desom import datasets
from interactive import REPOSITORY, script

DATA = REPOSITORY / "book" / "_extra" / "live" / "digits.js"


def main():
    """Write the data file: images of 0 to 16, and their classes."""
    data = datasets.load("digits")
    arrays = {"images": np.rint(16 * data.x), "labels": data.y}
    arrays = {name: array.astype(np.uint8) for name, array in arrays.items()}
    DATA.write_text(script(arrays, {}, "WatchData"), "utf-8")


if __name__ == "__main__":
    main()
