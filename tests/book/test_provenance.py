"""Beside every figure and table of the book: its code, and the records it was made from."""

import ast
import random
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import gate
import provenance
from desom.experiments import records
from desom.report import display

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]
BASE = f"{REPOSITORY['url']}/blob/{REPOSITORY['branch']}"
MENTIONS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def notebook(*codes):
    cells = [new_code_cell(code, id=f"c{number}") for number, code in enumerate(codes)]
    return new_notebook(cells=cells)


def reads(*codes, roots):
    return provenance.reads(notebook(*codes).cells, set(roots))


# What a cell is made of


@pytest.mark.parametrize(
    "use",
    [
        "a",
        "f'{a}'",
        "b = a\nb",
        "b = []\nb.append(a)\nb",
        "b = {}\nb[0] = a\nb",
        "for i in a:\n    b = i\nb",
        "b = 0\nfor _ in range(3):\n    c = b\n    b = a\nc",
        "b = 0\nif a:\n    b = 1\nb",
        "b = 0\nb += a\nb",
        "def f():\n    return a\nf()",
        "def f():\n    return g()\ndef g():\n    return a\nf()",
        "[a for i in range(3)]",
        "(lambda x: a)(0)",
        "with a as b:\n    c = b\nc",
        "if 1:\n    %matplotlib inline\na",
    ],
)
def test_a_cell_reads_what_its_names_come_from(use):
    *before, last = use.rpartition("\n")[::2]
    found = reads("a = collect()", "\n".join(before), last, roots=["c0"])
    assert found["c2"] == ["c0"]


@pytest.mark.parametrize(
    "use",
    [
        "a = 1\na",
        "a.append(1)\nlen([])",
        "def f(a):\n    return a\nf(1)",
        "[a for a in range(3)]",
        "for a in range(3):\n    pass\na",
        "import a\na",
    ],
)
def test_a_cell_does_not_read_what_only_has_the_name(use):
    *before, last = use.rpartition("\n")[::2]
    found = reads("a = collect()", "\n".join(before), last, roots=["c0"])
    assert found["c2"] == []


class Traced:
    """A value that knows where it comes from."""

    def __init__(self, *origins):
        self.origins = set(origins)

    def __add__(self, other):
        return Traced(*self.origins, *other.origins)


def a_program(draw):
    """Write a random program of assignments, loops and functions, a cell each."""
    names = "abcde"
    codes = [f"{name} = collect({number})" for number, name in enumerate(names)]
    for number in range(12):
        x, y, z = (draw.choice(names) for _ in range(3))
        codes.append(
            draw.choice(
                [
                    f"{x} = {y} + {z}",
                    f"{x} = {y}",
                    f"{x} = collect({len(codes)})",
                    f"for _ in range(2):\n    {x} = {y} + {z}\n    {y} = {x}",
                    f"def f{number}():\n    q = {y}\n    return q + {z}\n{x} = f{number}()",
                    f"{x} = [{y} + {z} for {z} in [{x}]][0]",
                ]
            )
        )
    return codes, names


@pytest.mark.parametrize("seed", range(50))
def test_no_record_is_left_out_of_a_random_program(seed):
    codes, names = a_program(random.Random(seed))
    state = {"collect": Traced}
    for code in codes:
        exec(code, state)
    roots = [f"c{i}" for i, code in enumerate(codes) if "collect" in code]
    found = reads(*codes, *names, roots=roots)
    for number, name in enumerate(names, start=len(codes)):
        # Without branches the names tell exactly what the values tell.
        assert found[f"c{number}"] == [f"c{i}" for i in sorted(state[name].origins)]


# The note


RECORD = {
    "method": "desom",
    "dataset": "mnist",
    "seed": 3,
    "key": "k3",
    "environment": {"device": "A & B", "threads": 2, "revision": "abc123"},
}


@pytest.fixture
def cited(monkeypatch):
    """Collect what is displayed."""
    shown = []
    monkeypatch.setattr(display, "display", lambda data, raw: shown.append(data))
    return shown


def test_a_citation_has_the_runs_seeds_revisions_and_devices_of_every_file(cited, monkeypatch):
    monkeypatch.delenv("DESOM_RESULTS", raising=False)
    environment = RECORD["environment"] | {"revision": "def456", "threads": 1}
    found = [
        RECORD,
        RECORD | {"seed": 0, "key": "k0", "environment": environment},
        RECORD | {"dataset": "digits"},
    ]
    assert display.cite(found) is found
    (data,) = cited
    citation = data[provenance.RECORDS]
    assert citation["committed"] is True
    assert [(f["file"], f["runs"]) for f in citation["files"]] == [
        ("desom/mnist.jsonl", ["k3", "k0"]),
        ("desom/digits.jsonl", ["k3"]),
    ]
    first = citation["files"][0]
    assert first["seeds"] == [0, 3]
    assert first["revisions"] == ["abc123", "def456"]
    assert first["machines"] == ["A & B, 2 threads", "A & B, 1 thread"]


def test_nothing_is_cited_where_nothing_was_read(cited):
    assert display.cite([]) == [] and cited == []


def test_the_benchmarks_are_cited(cited):
    assert "training_step" in display.read_benchmarks()
    (file,) = cited[0][provenance.RECORDS]["files"]
    assert file["file"] == "benchmarks.json" and file["revisions"] and file["machines"]


@pytest.fixture
def chapter(tmp_path, cited, monkeypatch):
    """A chapter that reads a record and shows a figure, a table, a text, and one elsewhere."""

    def make(results):
        monkeypatch.setenv("DESOM_RESULTS", str(results))
        display.cite([RECORD])
        outputs = [
            [new_output("display_data", cited[-1])],
            [new_output("display_data", {"image/png": "eA=="})],
            [new_output("display_data", {"text/html": "<table></table>"})],
            [new_output("display_data", {"text/markdown": "Read **this**."})],
            [
                new_output(
                    "display_data",
                    {"glued/text/html": "<table></table>"},
                    metadata={"scrapbook": {"name": "x", "mime_prefix": "glued/"}},
                )
            ],
        ]
        codes = ["a = collect()", "draw(a)", "table(1)", "say(a)", "glue(a)"]
        book = notebook(*codes)
        book.cells.insert(0, new_markdown_cell("# A chapter", id="title"))
        for folder in ("book", "notebooks"):
            (tmp_path / folder).mkdir()
        nbformat.write(book, tmp_path / "notebooks/chapter.ipynb")
        for cell, shown in zip(book.cells[1:], outputs, strict=True):
            cell.outputs = shown
        nbformat.write(book, tmp_path / "book/chapter.ipynb")
        provenance.annotate(tmp_path / "book", tmp_path / "notebooks", ROOT / "_config.yml")
        return {c.id: c for c in nbformat.read(tmp_path / "book/chapter.ipynb", 4).cells}

    return make


def test_every_figure_and_table_has_its_code_and_records_below(chapter):
    cells = chapter(ROOT / "results")
    assert list(cells) == [
        *("title", "c0", "c0-made-by", "c1", "c1-made-by"),
        *("c2", "c2-made-by", "c3", "c4"),
    ]
    note = cells["c1-made-by"].source
    assert f'<a href="{BASE}/results/desom/mnist.jsonl">results/desom/mnist.jsonl</a>' in note
    assert "Runs: 1, seeds 3. Revisions of the code: abc123. Devices: A &amp; B, 2 threads." in note
    assert "Records: none" in cells["c2-made-by"].source
    assert "<details" in cells["c4"].outputs[0].data["glued/text/html"]
    assert cells["c0"].outputs == []


def test_the_link_to_the_code_marks_the_lines_of_the_cell(chapter, tmp_path):
    note = chapter(ROOT / "results")["c1-made-by"].source
    lines = (tmp_path / "notebooks/chapter.ipynb").read_text("utf-8").splitlines()
    address = re.search(
        rf'{re.escape(BASE)}/notebooks/chapter\.ipynb\?plain=1#L(\d+)-L(\d+)"', note
    )
    start, end = map(int, address.groups())
    marked = "\n".join(lines[start - 1 : end])
    assert '"id": "c1"' in marked and "draw(a)" in marked
    assert "collect" not in marked and "table(1)" not in marked


def test_a_run_that_two_cells_read_counts_once():
    file = {"file": "desom/mnist.jsonl", "committed": True, "runs": ["k0", "k1"], "seeds": [0, 1]}
    file |= {"revisions": ["abc"], "machines": ["M"]}
    other = file | {"runs": ["k1", "k2"], "seeds": [1, 5]}
    note = provenance._records([file, other], BASE)
    assert "Runs: 3, seeds 0–1, 5." in note and note.count("<a ") == 1


def test_records_of_a_reader_are_no_files_of_the_repository(chapter, tmp_path):
    note = chapter(tmp_path / "elsewhere")["c1-made-by"].source
    assert "desom/mnist.jsonl (made for this page, not part of the repository)" in note
    assert "results/desom" not in note


@pytest.mark.parametrize(
    ("numbers", "text"), [([0, 1, 2, 3], "0–3"), ([0, 2, 3, 7], "0, 2–3, 7"), ([4], "4")]
)
def test_seeds_are_written_briefly(numbers, text):
    assert provenance.ranges(numbers) == text


# The notebooks


@pytest.mark.parametrize("path", gate.sources(ROOT), ids=lambda path: path.stem)
def test_a_chapter_cites_all_that_it_reads(path):
    for cell in gate.read(path).cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(TransformerManager().transform_cell(cell.source))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        citing = {
            id(inner)
            for call in calls
            if ast.unparse(call.func) == "cite"
            for inner in ast.walk(call)
        }
        readers = ("collect", "recorded", "records.read")
        reading = [call for call in calls if ast.unparse(call.func) in readers]
        assert [ast.unparse(call) for call in reading if id(call) not in citing] == []
        # An exercise reads what its reader has measured.
        assert "benchmarks.json" not in cell.source or cell.id.startswith("ex-")


def test_every_chapter_begins_with_the_same_lines_for_colab():
    setups = {
        (cell.source, tuple(cell.metadata.tags))
        for path in gate.sources(ROOT)
        for cell in gate.read(path).cells[1:2]
    }
    ((setup, tags),) = setups
    assert f"git clone --quiet --depth 1 {REPOSITORY['url']}\n" in setup
    assert tags == ("remove-cell",)
    # Elsewhere, no line of it is reached.
    tree = ast.parse(TransformerManager().transform_cell(setup))
    assert [type(node) for node in tree.body] == [ast.Import, ast.If]
    assert ast.unparse(tree.body[1].test) == "'google.colab' in sys.modules"


def test_links_to_the_repository_lead_where_the_configuration_says():
    assert records.REPOSITORY == ROOT
    owned = REPOSITORY["url"].rpartition("/")[0]
    files = [
        *gate.sources(ROOT),
        *(ROOT / name for name in ("_config.yml", "README.md", "CITATION.cff")),
        *(ROOT / "book").rglob("*.md"),
    ]
    text = "\n".join(file.read_text("utf-8") for file in files)
    found = {m for m in MENTIONS.findall(text) if m.startswith(owned)}
    assert found == {REPOSITORY["url"]}
    assert f"{BASE}/%s" in (ROOT / "_config.yml").read_text("utf-8")
