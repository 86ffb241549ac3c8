"""Template of a stack that runs code: its custom resource creates a file."""

import json
from pathlib import Path

CODE = """
import json, os, urllib.request
def handler(event, context):
    properties = event["ResourceProperties"]
    if "Started" in properties:
        open(properties["Started"], "w").close()
        open(properties["Gate"]).read()
    open(properties["Marker"], "w").close()
    response = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps(response | {"Status": "SUCCESS", "PhysicalResourceId": "thing"}).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"))
"""


def template(marker: Path, **properties: str) -> str:
    """Return a template whose custom resource runs a function that creates the file `marker`."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    code = {"Code": {"ZipFile": CODE}, "Handler": "index.handler", "Runtime": "python3.14"}
    function = code | {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    thing = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Marker": str(marker), **properties}
    return json.dumps(
        {
            "Resources": {
                "Role": role,
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
                "Thing": {"Type": "Custom::Thing", "Properties": thing},
            }
        }
    )
