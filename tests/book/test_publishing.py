"""What a host of repositories and its visitors need: workflows, links, licences, citation."""

import ast
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

import gate
from building import ROOT, make, tool

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))


def workflow(name):
    # YAML reads the key "on" as true.
    return yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))


def commands(flow):
    return {s["run"] for job in flow["jobs"].values() for s in job["steps"] if "run" in s}


# Workflows


def test_every_command_of_the_workflows_is_a_target_that_runs_locally():
    assert commands(workflow("book")) == {"make test PYTHON=python", "make site"}
    assert commands(workflow("links")) == {"make links"}
    flows = [workflow(path.stem) for path in (ROOT / ".github/workflows").glob("*.yml")]
    every = set().union(*map(commands, flows))
    assert {command.removeprefix("make ").split()[0] for command in every} <= TARGETS


def test_links_are_checked_every_week_and_the_tests_run_on_every_change():
    (schedule,) = workflow("links")[True]["schedule"]
    minute, hour, day, month, weekday = schedule["cron"].split()
    assert (day, month) == ("*", "*") and {minute, hour, weekday}.isdisjoint({"*"})
    assert set(workflow("book")[True]) == {"push", "pull_request"}


def test_pages_are_published_from_main_alone_and_after_the_tests():
    publish = workflow("book")["jobs"]["publish"]
    assert "refs/heads/main" in publish["if"]
    assert set(publish["needs"]) == {"test", "html"}


# Links


@pytest.fixture
def site():
    """Serve one page, at the address that is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/here" else 404)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_broken_link_is_found_and_a_good_one_is_not(repository, site):
    with (repository / "book/index.md").open("a") as page:
        page.write(f"\nSee [this]({site}/here) and [that]({site}/gone).\n")
    done = tool(repository, "book.py", "links")
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if "broken" in line]
    assert any(f"{site}/gone" in line for line in broken)
    assert not any(f"{site}/here" in line for line in broken)


def test_a_chapter_can_be_launched_on_colab_and_binder(compiled_repository):
    html = (compiled_repository / "_build/html/book/chapter.html").read_text("utf-8")
    name, branch = CONFIG["repository"]["url"].removeprefix("https://github.com/"), "main"
    path = "book/chapter.ipynb"
    assert f'"https://colab.research.google.com/github/{name}/blob/{branch}/{path}"' in html
    assert f'"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{path}"' in html
    assert "creativecommons.org/licenses/by/4.0" in html


def test_the_publisher_names_the_repository_in_one_command(tmp_path):
    for name in ("Makefile", "_config.yml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("notebooks/som.ipynb", "book/som.ipynb", "book/methods/desom.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    old, new = CONFIG["repository"]["url"], "https://github.com/someone/maps.2"
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    changed = [path for path, content in before.items() if old.encode() in content]
    assert named(tmp_path, new).returncode == 0
    assert all(new.encode() in path.read_bytes() for path in changed)
    assert not any(old.encode() in path.read_bytes() for path in before)
    # And back, so that nothing else has changed.
    assert named(tmp_path, old).returncode == 0
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("given", ["", "desom", "https://example.org/a/b", "https://github.com/a"])
def test_what_is_no_repository_is_refused(given, tmp_path):
    for name in ("Makefile", "_config.yml"):
        shutil.copy(ROOT / name, tmp_path)
    refused = named(tmp_path, given)
    assert refused.returncode != 0
    assert "make repository URL=https://github.com/you/desom" in refused.stderr
    assert (tmp_path / "_config.yml").read_bytes() == (ROOT / "_config.yml").read_bytes()


def named(folder, url):
    """Have make write the address into the files of a folder."""
    return make("repository", f"URL={url}", cwd=folder)


def test_every_chapter_begins_with_the_same_lines_for_colab():
    setups = {
        (cell.source, tuple(cell.metadata.tags))
        for path in gate.sources(ROOT)
        for cell in gate.read(path).cells[2:3]
    }
    ((setup, tags),) = setups
    assert f"git clone --quiet --depth 1 {CONFIG['repository']['url']}\n" in setup
    assert tags == ("remove-cell",)
    # Elsewhere, no line of it is reached.
    tree = ast.parse(TransformerManager().transform_cell(setup))
    assert [type(node) for node in tree.body] == [ast.Import, ast.If]
    assert ast.unparse(tree.body[1].test) == "'google.colab' in sys.modules"


def test_every_chapter_says_what_it_needs_on_colab():
    for path in gate.sources(ROOT):
        said = gate.read(path).cells[1]
        assert said.source.startswith("**On Colab.**") and said.metadata.tags == ["remove-cell"]
        assert "GPU" in said.source and "minutes" in said.source, path.name


def test_links_to_the_repository_lead_where_the_configuration_says():
    address, branch = (CONFIG["repository"][part] for part in ("url", "branch"))
    files = [
        *gate.sources(ROOT),
        *(ROOT / name for name in ("_config.yml", "README.md", "CITATION.cff")),
        *(ROOT / "book").rglob("*.md"),
    ]
    text = "\n".join(file.read_text("utf-8") for file in files)
    owner = address.rpartition("/")[0]
    links = set(re.findall(rf"{re.escape(owner)}/[\w.-]+", text))
    assert links == {address}
    assert CONFIG["sphinx"]["config"]["extlinks"]["repo"][0] == f"{address}/blob/{branch}/%s"


# Licences and citation


def test_code_and_text_have_their_licences():
    readme = (ROOT / "README.md").read_text("utf-8")
    for file, name, first in (
        ("LICENSE", "MIT", "MIT License"),
        ("LICENSE-TEXT", "CC BY 4.0", "Attribution 4.0 International"),
    ):
        assert (ROOT / file).read_text("utf-8").splitlines()[0] == first
        assert f"[{name}]({file})" in readme
        assert name in CONFIG["html"]["extra_footer"]


def test_the_citation_is_the_paper_s():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["repository-code"] == CONFIG["repository"]["url"]
    paper = citation["preferred-citation"]
    entry = (ROOT / "book/references.bib").read_text("utf-8").split("@inproceedings{forest2019,")[1]
    entry = entry.split("\n}\n")[0].replace("{", "").replace("}", "")
    assert paper["title"] in entry and str(paper["year"]) in entry
    assert [a["family-names"] for a in paper["authors"]] == re.findall(r"(\w+), \w", entry)[:4]
