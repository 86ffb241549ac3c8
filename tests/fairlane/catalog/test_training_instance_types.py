import botocore.session

from fairlane.catalog import training_instance_types
from fairlane.scheduling.capacity import is_instance_type


def test_the_list_equals_the_list_of_botocore() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("TrainingInstanceType")
    assert training_instance_types() == set(shape.enum), "run: make catalog"


def test_all_types_pass_the_check_of_their_form() -> None:
    assert all(map(is_instance_type, training_instance_types()))
