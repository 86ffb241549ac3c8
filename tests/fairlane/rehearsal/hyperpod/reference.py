"""Simple model of one team with jobs of one size, second by second, written without the models under test."""

from dataclasses import dataclass, field


@dataclass
class Task:
    """Job with its runs: start, stop, and True if it was preempted."""

    row: int
    submit: int
    instances: int
    run: int
    priority: int
    checkpoint: int | None = None
    left: int = 0
    start: int = 0
    order: int = 0
    runs: list[tuple[int, int, bool]] = field(default_factory=list)


def simulate(tasks: list[Task], quota: int, *, preempts: bool) -> None:
    """Run all tasks at their priority, then first come, first served, with smaller jobs behind a job that waits.

    Preempted tasks end at once, and lose the work since their last checkpoint.
    """
    waiting: list[Task] = []
    running: list[Task] = []
    todo = sorted(tasks, key=lambda task: task.submit)
    for task in tasks:
        task.left = task.run
    order = now = 0
    while todo or running:
        for task in [task for task in running if task.start + task.left == now]:
            running.remove(task)
            task.runs.append((task.start, now, False))
        while todo and todo[0].submit == now:
            waiting.append(todo.pop(0))
        again = True
        while again:
            again = False
            for task in sorted(waiting, key=lambda task: (-task.priority, task.submit, task.row)):
                free = quota - sum(other.instances for other in running)
                victims = _victims(task, running, task.instances - free) if preempts else []
                if free >= task.instances or victims:
                    for victim in victims:
                        running.remove(victim)
                        waiting.append(victim)
                        victim.runs.append((victim.start, now, True))
                        worked = now - victim.start
                        victim.left -= worked - worked % victim.checkpoint if victim.checkpoint else 0
                    waiting.remove(task)
                    running.append(task)
                    order += 1
                    task.start, task.order = now, order
                    again = True
                    break
        now += 1


def _victims(task: Task, running: list[Task], needed: int) -> list[Task]:
    """Return the smallest priorities and newest starts that free enough, without those that are not necessary."""
    lower = sorted(
        (other for other in running if other.priority < task.priority), key=lambda other: (other.priority, -other.order)
    )
    if needed <= 0 or sum(other.instances for other in lower) < needed:
        return []
    chosen: list[Task] = []
    while sum(other.instances for other in chosen) < needed:
        chosen.append(lower[len(chosen)])
    for other in chosen[-2::-1]:
        if sum(each.instances for each in chosen) - other.instances >= needed:
            chosen.remove(other)
    return chosen
