"""Tests of `AlarmTopic`."""

from aws_cdk import CfnParameter, Stack

from fairlane import AlarmTopic
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.support import problems_of, template_of


def test_the_topic_is_encrypted_accepts_tls_only_and_allows_the_alarms_of_the_account(stack: Stack) -> None:
    AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com", "https://pager.example.com/x", "gpus@example.com"])
    resources = template_of(stack)["Resources"].values()
    (topic,) = resources_of_type(stack, "SNS::Topic").values()
    assert topic["KmsMasterKeyId"]["Fn::GetAtt"][1] == "Arn"
    subscriptions = resources_of_type(stack, "SNS::Subscription").values()
    assert [(subscription["Protocol"], subscription["Endpoint"]) for subscription in subscriptions] == [
        ("email", "gpus@example.com"),
        ("https", "https://pager.example.com/x"),
    ]
    (policy,) = resources_of_type(stack, "SNS::TopicPolicy").values()
    refuse, publish = sorted(
        policy["PolicyDocument"]["Statement"], key=lambda statement: statement["Effect"] == "Allow"
    )
    assert (refuse["Effect"], refuse["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (key,) = resources_of_type(stack, "KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    use = next(statement for statement in key["KeyPolicy"]["Statement"] if "Service" in statement["Principal"])
    for statement in (publish, use):
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
        arn = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
        assert arn == ["arn:", {"Ref": "AWS::Partition"}, ":cloudwatch:us-east-1:111122223333:alarm:*"]
    assert publish["Action"] == "sns:Publish"
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert len(list(resources)) == 5


def test_a_topic_accepts_email_and_https_addresses_only(stack: Stack) -> None:
    allowed = "an email address, or an address that starts with https://"
    bad = ["http://pager.example.com", "nobody", "https://", "a@b"]
    assert problems_of(lambda: AlarmTopic(stack, "Topic", subscriptions=bad)) == [
        f"subscriptions[{index}]: got '{address}', allowed: {allowed}" for index, address in enumerate(bad)
    ]


def test_an_address_that_is_a_token_is_refused(stack: Stack) -> None:
    address = CfnParameter(stack, "Address").value_as_string
    allowed = "an address known at synth, because its protocol depends on it"
    assert problems_of(lambda: AlarmTopic(stack, "Topic", subscriptions=["a@example.com", address])) == [
        f"subscriptions[1]: got a value known only at deployment, allowed: {allowed}"
    ]
