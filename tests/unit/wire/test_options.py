"""The typed options and the request model say the same."""

import pytest

from ghmodels_async.wire import CallOptions, ChatCallOptions, ChatOptions, ChatRequest, check_options


def test_every_request_field_is_an_option_and_nothing_else_is() -> None:
    fields = set(ChatRequest.model_fields) - {"model", "messages", "stream"}
    assert set(ChatOptions.__annotations__) == fields


def test_options_of_the_call_never_collide_with_fields_that_travel() -> None:
    assert not set(CallOptions.__annotations__) & set(ChatRequest.model_fields)
    assert set(ChatCallOptions.__annotations__) == set(ChatOptions.__annotations__) | set(CallOptions.__annotations__)


def test_a_known_option_passes() -> None:
    check_options({"temperature": 0.2, "deadline": 30})


def test_a_misspelt_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match="unexpected option 'temprature'; did you mean 'temperature'"):
        check_options({"temprature": 0.2})


def test_an_option_like_no_other_points_to_extra_body() -> None:
    with pytest.raises(TypeError, match="extra_body"):
        check_options({"zzz": 1})
