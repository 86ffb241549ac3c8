"""The topic that alarms publish to."""

from aws_cdk import CfnParameter, Stack

from fairlane import AlarmTopic
from tests.fairlane.monitoring.alarms.watching import of_type
from tests.support import problems_of, template_of


def test_the_topic_is_encrypted_takes_tls_only_and_lets_alarms_of_the_account_publish(stack: Stack) -> None:
    AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com", "https://pager.example.com/x", "gpus@example.com"])
    made = template_of(stack)["Resources"].values()
    (topic,) = of_type(stack, "SNS::Topic").values()
    assert topic["KmsMasterKeyId"]["Fn::GetAtt"][1] == "Arn"
    subscribed = of_type(stack, "SNS::Subscription").values()
    assert [(one["Protocol"], one["Endpoint"]) for one in subscribed] == [
        ("email", "gpus@example.com"),
        ("https", "https://pager.example.com/x"),
    ]
    (policy,) = of_type(stack, "SNS::TopicPolicy").values()
    refuse, publish = sorted(policy["PolicyDocument"]["Statement"], key=lambda one: one["Effect"] == "Allow")
    assert (refuse["Effect"], refuse["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (key,) = of_type(stack, "KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    use = next(one for one in key["KeyPolicy"]["Statement"] if "Service" in one["Principal"])
    for one in (publish, use):
        assert one["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
        arn = one["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
        assert arn == ["arn:", {"Ref": "AWS::Partition"}, ":cloudwatch:us-east-1:111122223333:alarm:*"]
    assert publish["Action"] == "sns:Publish"
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert len(list(made)) == 5


def test_a_topic_takes_email_and_https_only(stack: Stack) -> None:
    allowed = "an address of email, or one that begins with https://, as only TLS will do"
    bad = ["http://pager.example.com", "nobody", "https://", "a@b"]
    assert problems_of(lambda: AlarmTopic(stack, "Topic", subscriptions=bad)) == [
        f"subscriptions[{index}]: got '{one}', allowed: {allowed}" for index, one in enumerate(bad)
    ]


def test_addresses_are_known_at_synth_as_their_protocol_is_told_by_them(stack: Stack) -> None:
    address = CfnParameter(stack, "Address").value_as_string
    allowed = "an address known at synth, as its protocol is told by it"
    assert problems_of(lambda: AlarmTopic(stack, "Topic", subscriptions=["a@example.com", address])) == [
        f"subscriptions[1]: got a value known only at deployment, allowed: {allowed}"
    ]
