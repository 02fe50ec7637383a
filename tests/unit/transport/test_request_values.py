"""What a request shows of itself: middleware may log it."""

from ghmodels_async.transport import Request


def test_a_request_shows_neither_key_nor_prompt() -> None:
    request = Request("POST", "https://host/chat/completions", {"Authorization": "Bearer s3cret"}, b"a prompt")
    for shown in (repr(request), str(request), f"{request}"):
        assert "s3cret" not in shown and "a prompt" not in shown
        assert "https://host/chat/completions" in shown
