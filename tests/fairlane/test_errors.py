from fairlane import ConfigurationError, Problem, Sharing
from fairlane.errors import dotted


def test_a_problem_reads_as_a_sentence() -> None:
    problem = Problem(("priority",), 1001, "a whole number, 0 to 1000").within("queues", "cpu")
    assert str(problem) == "queues.cpu.priority: got 1001, allowed: a whole number, 0 to 1000"


def test_a_missing_value_is_reported_with_what_to_use() -> None:
    problem = Problem(("policy",), None, "fifo or fair-share", line=3)
    assert problem.is_missing
    assert str(problem.within("scheduling")) == "line 3, scheduling.policy: missing; use fifo or fair-share"


def test_a_relation_is_one_sentence() -> None:
    problem = Problem.relation(("alarms",), "alarms require job_metrics").followed_by(" in the same Region")
    assert not problem.is_missing
    assert str(problem.within("regions")) == "regions.alarms: alarms require job_metrics in the same Region"


def test_a_problem_of_another_file_starts_with_its_name() -> None:
    problem = Problem.relation(("queues", "cpu"), "a queue requires capacity", 7, "base.yaml")
    assert str(problem) == "base.yaml line 7, queues.cpu: a queue requires capacity"


def test_text_that_follows_a_value_out_of_range_stands_at_its_end() -> None:
    assert str(Problem(("gpus",), 9, "1 to 8").followed_by(" (p5)")) == "gpus: got 9, allowed: 1 to 8 (p5)"


def test_a_path_quotes_what_has_dots_and_counts_lists() -> None:
    path = ("queues", "training-p4", "capacity", "ml.p4d.24xlarge")
    assert dotted(path) == 'queues.training-p4.capacity."ml.p4d.24xlarge"'
    assert dotted(("tags", 'a\nb "c"')) == 'tags."a\\nb \\"c\\""'
    assert dotted(("tags", "x" * 200)) == f"tags.{'x' * 120}..."
    assert dotted(("time_limit_actions", 0, "reason")) == "time_limit_actions[0].reason"


def test_a_problem_is_one_line() -> None:
    sentence = "a\nb is listed twice"
    assert str(Problem.relation(("queues", "c\nd"), sentence)) == 'queues."c\\nd": a\\nb is listed twice'


def test_values_are_shown_as_people_write_them() -> None:
    assert "got 'LEND'," in str(Problem((), Sharing.LEND, ""))
    assert "got a value known only at deployment," in str(Problem((), "${Token[X.1]}", ""))
    assert len(str(Problem((), "x" * 10_000, ""))) < 200


def test_the_error_lists_every_problem_under_its_subject() -> None:
    error = ConfigurationError("Stack/Queue", [Problem(("a",), 1, "2"), Problem(("b",), 3, "4", line=7)])
    assert str(error) == "Stack/Queue: 2 problems\n  - a: got 1, allowed: 2\n  - line 7, b: got 3, allowed: 4"
    assert isinstance(error, ValueError)
    assert [problem.field for problem in error.problems] == [("a",), ("b",)]
