"""Sphinx extension: questions with answers to choose from, which the page itself judges.

A block ``{quiz} <topic>`` shows the questions of a topic of ``book/quizzes.yml``; a chapter has the
block above its exercises. Each question is a form with a reply for every choice; ``book.js`` shows
the one that is chosen. Nothing leaves the page.
"""

from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

FILE = "book/quizzes.yml"


def read_topics(root):
    """Read the questions by topic; none if there is no such file."""
    path = Path(root, FILE)
    return _parsed(path.read_text("utf-8")) if path.is_file() else {}


@cache
def _parsed(text):
    # Once for all pages: each chapter asks which topics there are.
    return yaml.safe_load(text)


def choices(question):
    """List the choices of a question, the right one in a place that its words decide.

    Returns
    -------
    list of (str, str, bool)
        Text, reply, and whether it is right.
    """
    listed = [(wrong["text"], wrong["because"], False) for wrong in question["wrong"]]
    place = sum(map(ord, question["ask"])) % (len(listed) + 1)
    listed.insert(place, (question["right"], question["because"], True))
    return listed


class Quiz(SphinxDirective):
    """Show the questions of a topic."""

    required_arguments = 1

    def run(self):
        """Give the forms of all questions."""
        (topic,) = self.arguments
        self.env.note_dependency(FILE)
        topics = read_topics(self.env.srcdir)
        if topic not in topics:
            raise ExtensionError(f"{FILE} has no questions on {topic}")
        forms = enumerate(topics[topic], start=1)
        return [
            node for n, question in forms for node in self.form(f"quiz-{topic}-{n}", n, question)
        ]

    def form(self, name, number, question):
        """Give the nodes of a question, whose texts are Markdown."""
        yield _html(f'<form class="quiz"><fieldset><legend>{number}. ')
        yield from self.inline(question["ask"])
        yield _html("</legend>")
        listed = choices(question)
        for value, (text, _, _) in enumerate(listed):
            yield _html(
                f'<label><input type="radio" name="{name}" value="{value}" required> <span>'
            )
            yield from self.inline(text)
            yield _html("</span></label>")
        yield _html('<button type="submit">Check</button><div role="status">')
        for value, (_, reply, right) in enumerate(listed):
            kind, word = ("right", "Right.") if right else ("wrong", "Not so.")
            yield _html(f'<p class="{kind}" data-of="{value}" hidden><strong>{word}</strong> ')
            yield from self.inline(reply)
            yield _html("</p>")
        yield _html("</div></fieldset></form>")

    def inline(self, text):
        """Parse a paragraph, and give what is in it."""
        parent = nodes.Element()
        self.state.nested_parse(StringList([text.strip()]), self.content_offset, parent)
        return parent[0].children


def _html(text):
    return nodes.raw("", text, format="html")


def setup(app):
    """Register the block."""
    app.add_directive("quiz", Quiz)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
