"""Write the address of the repository into every file that has it: the launch buttons need it.

``python tools/repository.py https://github.com/you/desom``. The address that is replaced is the one
in ``_config.yml``, so this can be repeated.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The folders and files that may name it.
FILES = ("_config.yml", "README.md", "CITATION.cff", "book/**/*.md", "book/*.ipynb")
FILES += ("notebooks/*.ipynb",)
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def main(arguments, root=ROOT):
    """Replace the address; say what was changed."""
    if len(arguments) != 1 or not ADDRESS.fullmatch(arguments[0]):
        print("repository: give one address such as https://github.com/you/desom", file=sys.stderr)
        return 2
    (new,) = arguments
    old = re.search(
        rf"^  url: ({ADDRESS.pattern})$", (root / "_config.yml").read_text("utf-8"), re.M
    )
    names = re.compile(re.escape(old[1]) + r"(?![\w.-])")
    for path in sorted(path for pattern in FILES for path in root.glob(pattern)):
        text = path.read_text("utf-8")
        changed = names.sub(lambda match: new, text)
        if changed != text:
            path.write_text(changed, "utf-8")
            print(f"{path.relative_to(root)} names {new}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
