"""The questions of the book: well formed, and answered by keys on a page that asks no network."""

import re

import pytest
import yaml

import quiz
from building import ROOT, toc

TOPICS = yaml.safe_load((ROOT / quiz.FILE).read_text("utf-8"))
QUESTIONS = [(topic, question) for topic, listed in TOPICS.items() for question in listed]
LEARNING = ("The idea", "Results", "Beyond the paper")
CHAPTERS = [
    entry["file"].removeprefix("book/")
    for part in toc()["parts"]
    for entry in part["chapters"]
    if part["caption"] in LEARNING
]


def test_every_chapter_of_the_learning_part_has_four_to_six_questions():
    assert set(TOPICS) == {*CHAPTERS, "ready"}
    assert all(4 <= len(TOPICS[chapter]) <= 6 for chapter in CHAPTERS)


@pytest.mark.parametrize(("topic", "question"), QUESTIONS, ids=lambda value: str(value)[:40])
def test_a_question_has_one_right_answer_and_a_reply_to_each(topic, question):
    listed = quiz.choices(question)
    assert len(listed) >= 3 and [right for *_, right in listed].count(True) == 1
    texts, replies = ([choice[n] for choice in listed] for n in (0, 1))
    assert len(set(texts)) == len(texts) and len(set(replies)) == len(replies)
    # Sentences that say why, and not only that.
    assert all(len(reply) > 25 and reply[-1] in ".?" for reply in replies)


def test_the_right_answer_is_not_always_in_one_place_or_the_longest():
    places = [[right for *_, right in quiz.choices(q)].index(True) for _, q in QUESTIONS]
    assert all(places.count(n) > len(places) / 6 for n in range(3))
    longest = [len(q["right"]) > max(len(w["text"]) for w in q["wrong"]) for _, q in QUESTIONS]
    assert sum(longest) < 0.75 * len(longest)


def test_no_question_holds_a_number_that_looks_like_a_result():
    text = (ROOT / quiz.FILE).read_text("utf-8")
    assert set(re.findall(r"\b0\.\d+", text)) <= {"0.3", "0.4"}  # p-values that are made up


@pytest.mark.parametrize("page_name", ["som", "ready"])
def test_a_question_is_answered_by_keys(browser, committed_book, page_name):
    page = browser.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((committed_book / f"book/{page_name}.html").as_uri())
    form = page.locator("form.quiz").first
    assert page.locator("form.quiz").count() == len(TOPICS[page_name])
    if page_name != "ready":
        page.locator("summary", has_text="Check yourself").focus()
        page.keyboard.press("Enter")
    shown = form.locator("[data-of]:visible")
    assert shown.count() == 0

    form.locator("input").first.focus()
    question = TOPICS[page_name][0]
    for place, (text, reply, right) in enumerate(quiz.choices(question)):
        if place:
            form.locator("input:checked").focus()
            page.keyboard.press("ArrowDown")
        else:
            page.keyboard.press("Space")
        assert form.locator("input:checked").get_attribute("value") == str(place)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert shown.count() == 1, text
        assert shown.inner_text().startswith("Right." if right else "Not so.")
        assert reply[:9] in shown.inner_text() or "$" in reply
    page.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
