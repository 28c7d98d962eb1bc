import pytest

from scanner.evidence.answers import pagination
from scanner.services.catalogue import OPERATIONS
from scripts import pagination as make_pagination
from tests.fakes.api_models import operation_model

READING = ("Describe", "Get", "List")


@pytest.mark.parametrize("key", OPERATIONS)
def test_only_reading_operations_that_exist_are_declared(key: str) -> None:
    operation = OPERATIONS[key]
    assert operation.name.startswith(READING) or key == "sts:AssumeRole"
    model = operation_model(key)
    assert operation.action.partition(":")[2].startswith((*READING, "AssumeRole"))
    if operation.page:
        entry = pagination()[key]
        assert model.input_shape is not None
        assert entry.page_size in model.input_shape.members
        limit = model.input_shape.members[entry.page_size].metadata.get("max", operation.page)
        assert operation.page <= limit


def test_the_pagination_data_is_what_botocore_says() -> None:
    assert make_pagination.FILE.read_bytes() == make_pagination.content(), "run: make generated"


def test_every_operation_with_a_token_pages() -> None:
    """An operation whose answer contains a token that no parser follows would be read in part, silently."""
    tokens = {"NextToken", "nextToken", "Marker", "NextMarker", "PaginationToken", "ContinuationToken"}
    for key in OPERATIONS:
        shape = operation_model(key).output_shape
        if shape is not None and tokens & set(shape.members):
            assert key in pagination()


def test_several_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="several tokens"):
        make_pagination._entry("x:Y", {"input_token": ["A", "B"], "output_token": ["A", "B"]})
