"""What a host of repositories and its visitors need: workflows, links, licences, citation."""

import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

import repository as address
from test_book import build, repository  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))


def workflow(name):
    # YAML reads the key "on" as true.
    return yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))


def commands(flow):
    return {s["run"] for job in flow["jobs"].values() for s in job["steps"] if "run" in s}


# Workflows


def test_every_command_of_the_workflows_is_a_target_that_runs_locally():
    assert commands(workflow("book")) == {"make test", "make site"}
    assert commands(workflow("links")) == {"make links"}
    flows = [workflow(path.stem) for path in (ROOT / ".github/workflows").glob("*.yml")]
    every = set().union(*map(commands, flows))
    assert {command.removeprefix("make ") for command in every} <= TARGETS


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


def test_a_broken_link_is_found_and_a_good_one_is_not(repository, site):  # noqa: F811
    page = repository / "book/index.md"
    page.write_text(page.read_text() + f"\nSee [this]({site}/here).\n")
    made = build(repository, "links")
    assert made.returncode == 0, made.stdout + made.stderr
    page.write_text(page.read_text() + f"\nSee [that]({site}/gone).\n")
    made = build(repository, "links")
    assert made.returncode == 1
    broken = [line for line in made.stdout.splitlines() if "broken" in line]
    assert any(f"{site}/gone" in line for line in broken)
    assert not any(f"{site}/here" in line for line in broken)


def test_a_chapter_can_be_launched_on_colab_and_binder(repository):  # noqa: F811
    made = build(repository, "compile", "--committed")
    assert made.returncode == 0, made.stdout + made.stderr
    html = (repository / "_build/html/book/chapter.html").read_text("utf-8")
    name, branch = CONFIG["repository"]["url"].removeprefix("https://github.com/"), "main"
    path = "book/chapter.ipynb"
    assert f'"https://colab.research.google.com/github/{name}/blob/{branch}/{path}"' in html
    assert f'"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{path}"' in html
    assert "creativecommons.org/licenses/by/4.0" in html


def test_the_publisher_names_the_repository_in_one_command(tmp_path, capsys):
    for name in ("_config.yml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/som.ipynb", tmp_path / "notebooks")
    old, new = CONFIG["repository"]["url"], "https://github.com/someone/maps"
    before = {p: p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file()}
    assert address.main([new], tmp_path) == 0
    after = {path: path.read_text("utf-8") for path in before}
    assert not any(old in text for text in after.values())
    assert all(new in text for text in after.values())
    # And back, so that nothing else has changed.
    assert address.main([old], tmp_path) == 0
    assert {path: path.read_text("utf-8") for path in before} == before


@pytest.mark.parametrize("given", [[], ["desom"], ["https://example.org/a/b"], ["a", "b"]])
def test_what_is_no_repository_is_refused(given, tmp_path, capsys):
    assert address.main(given, tmp_path) == 2
    assert "https://github.com/you/desom" in capsys.readouterr().err


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
