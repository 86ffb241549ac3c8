"""Generator of the schemas of Kubernetes objects, on schemas of the forms that Kubernetes publishes."""

from typing import Any

from fairlane.hyperpod.kubernetes_schema import definitions, known_kinds
from fairlane.hyperpod.kubernetes_schemas.generate import builtin_schemas

PREFIX = "#/$defs/io.k8s.apimachinery.pkg."
QUOTA_SPEC = {
    "description": "removed",
    "type": ["object", "null"],
    "additionalProperties": False,
    "required": ["hard"],
    "properties": {
        "hard": {
            "type": ["object", "null"],
            "additionalProperties": {"$ref": f"{PREFIX}api.resource.Quantity"},
        },
        "port": {"$ref": f"{PREFIX}util.intstr.IntOrString"},
        "scopes": {
            "type": ["array", "null"],
            "items": {"type": ["string", "null"]},
            "x-kubernetes-list-type": "atomic",
        },
    },
}
POD_TEMPLATE = {"type": "object", "properties": {"metadata": {}, "spec": {"properties": {"containers": {}}}}}
CRD = {
    "spec": {
        "group": "example.com",
        "names": {"kind": "Example", "plural": "examples", "shortNames": ["ex"]},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1alpha1", "served": False},
            {
                "name": "v1",
                "served": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "metadata": {"type": "object"},
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "amount": {"anyOf": [], "pattern": "^1$", "x-kubernetes-int-or-string": True},
                                    "port": {"anyOf": [], "x-kubernetes-int-or-string": True},
                                    "template": POD_TEMPLATE,
                                    "parts": {"type": "array", "maxItems": 3, "items": {"type": "object"}},
                                    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                },
                            },
                        },
                    }
                },
            },
        ],
    }
}


class Published(dict[str, Any]):
    def __missing__(self, name: str) -> dict[str, Any]:
        return {"type": ["object", "null"], "description": "removed"}


def test_built_in_schemas_lose_texts_and_null_and_keep_rules() -> None:
    quota = {"type": "object", "properties": {"spec": {"$ref": "#/$defs/QuotaSpec"}}}
    published = Published({"io.k8s.api.core.v1.ResourceQuota": quota, "QuotaSpec": QUOTA_SPEC})
    schemas = builtin_schemas(published, [])
    assert schemas["definitions"]["QuotaSpec"] == {
        "type": "object",
        "additionalProperties": False,
        "required": ["hard"],
        "properties": {
            "hard": {"type": "object", "additionalProperties": {"$ref": f"{PREFIX[8:]}api.resource.Quantity"}},
            "port": {"$ref": f"{PREFIX[8:]}util.intstr.IntOrString"},
            "scopes": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
        },
    }
    assert schemas["definitions"][f"{PREFIX[8:]}api.resource.Quantity"] == {"type": "quantity"}
    assert schemas["definitions"][f"{PREFIX[8:]}util.intstr.IntOrString"] == {"type": "int-or-string"}
    assert "removed" not in str(schemas)


def test_custom_resources_refuse_unknown_fields_and_share_the_pod_template() -> None:
    schemas = builtin_schemas(Published(), [CRD])
    assert schemas["kinds"]["example.com/v1 Example"] == {
        "definition": "example.com.v1.Example",
        "plural": "examples",
        "namespaced": True,
        "short_names": ["ex"],
    }
    example = schemas["definitions"]["example.com.v1.Example"]
    assert example["properties"]["metadata"] == {"$ref": f"{PREFIX[8:]}apis.meta.v1.ObjectMeta"}
    assert example["properties"]["spec"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "amount": {"type": "quantity"},
            "port": {"type": "int-or-string"},
            "template": {"$ref": "io.k8s.api.core.v1.PodTemplateSpec"},
            "parts": {"type": "array", "maxItems": 3, "items": {"type": "object", "additionalProperties": False}},
            "any": {"type": "object"},
        },
    }


def test_the_data_holds_all_kinds_of_the_generator() -> None:
    generated = builtin_schemas(Published(), [])["kinds"]
    assert {tuple(name.split(" ")) for name in generated} <= set(known_kinds())
    assert len(definitions()) > len(generated)
