"""Reasons why jobs wait, of several jobs at once."""

from fairlane.scheduler import Engine, Submission, WaitReason
from fairlane.scheduling import FairShare, QuotaManagement, QuotaShare, Sharing

P4 = "ml.p4d.24xlarge"


def test_the_reasons_of_several_jobs_are_those_of_each_job() -> None:
    engine = Engine()
    engine.set_environment("types", {P4: 4})
    share = QuotaShare(name="team", capacity={P4: 2}, sharing=Sharing.RESERVE)
    engine.set_queue("quotas", QuotaManagement(share), ["types"])
    engine.set_environment("instances", 4)
    engine.set_queue("fair", FairShare({"a": 1, "b": 2}), ["instances"])
    jobs = [
        engine.submit(Submission(queue="quotas", share="team", instances=number, instance_type=P4))
        for number in (2, 1, 3, 5)
    ]
    jobs += [engine.submit(Submission(queue="fair", share=share, instances=3)) for share in ("a", "b", "b")]
    waits = engine.waits(jobs)
    assert waits == {job: engine.wait(job) for job in jobs}
    reasons = [wait and wait.reason for wait in waits.values()]
    assert reasons[:4] == [None, WaitReason.QUOTA, WaitReason.QUOTA_LIMIT, WaitReason.ENVIRONMENT_LIMIT]
    assert reasons[4:] == [None, WaitReason.CAPACITY, WaitReason.BEHIND]
    assert engine.waits([]) == {}
    assert engine.over_limit() == jobs[2:4]


def test_withdrawn_jobs_are_over_no_limit() -> None:
    engine = Engine()
    engine.set_environment("instances", 4)
    engine.set_queue("fair", FairShare({"a": 1}), ["instances"])
    jobs = [engine.submit(Submission(queue="fair", share="a", instances=5)) for _ in range(2)]
    engine.withdraw(jobs[0])
    assert engine.over_limit() == jobs[1:]
    engine.set_environment("instances", 5)
    assert engine.over_limit() == []
