"""The page on waiting jobs: its answers are those of the command, and it has each reason."""

import re

from fairlane_client.explain import Reason
from tests.docs.waiting_answers import PAGE, answers, page


def test_the_answers_of_the_page_are_those_of_the_command() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run python -m tests.docs.waiting_answers"


def test_each_reason_has_a_row_and_an_answer() -> None:
    text = PAGE.read_text()
    assert re.findall(r"^\| \[`([\w-]+)`\]\(#\1\)", text, re.MULTILINE) == [reason.value for reason in Reason]
    assert re.findall(r"^### ([\w-]+)$", text, re.MULTILINE) == [reason.value for reason in Reason]
    assert set(re.findall(r"^reason  ([\w-]+):", text, re.MULTILINE)) == {*Reason}


def test_answers_fit_into_80_columns() -> None:
    assert max(len(line) for answer in answers().values() for line in answer.splitlines()) <= 80
