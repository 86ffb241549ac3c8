import botocore.session

from fairlane.catalog import training_instance_types
from fairlane.scheduling.capacity import is_instance_type


def test_the_list_is_that_of_botocore() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("TrainingInstanceType")
    assert training_instance_types() == set(shape.enum), "run: make catalog"


def test_every_type_has_the_form_that_is_checked() -> None:
    assert all(map(is_instance_type, training_instance_types()))
