"""What a host of repositories reads: the workflow and the citation."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def workflow():
    # YAML reads the key "on" as true.
    return yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text("utf-8"))


def test_every_command_of_the_workflow_is_a_target_that_runs_locally():
    commands = [s["run"] for job in workflow()["jobs"].values() for s in job["steps"] if "run" in s]
    assert {"make test", "make site"} == set(commands)
    assert {command.removeprefix("make ") for command in commands} <= TARGETS


def test_pages_are_published_from_main_alone_and_after_the_tests():
    publish = workflow()["jobs"]["publish"]
    assert "refs/heads/main" in publish["if"]
    assert set(publish["needs"]) == {"test", "html"}


def test_the_citation_is_the_paper_s():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    paper = citation["preferred-citation"]
    entry = (ROOT / "book/references.bib").read_text("utf-8").split("@inproceedings{forest2019,")[1]
    entry = entry.split("\n}\n")[0].replace("{", "").replace("}", "")
    assert paper["title"] in entry and str(paper["year"]) in entry
    assert [a["family-names"] for a in paper["authors"]] == re.findall(r"(\w+), \w", entry)[:4]
