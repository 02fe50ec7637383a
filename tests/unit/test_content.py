"""Content parts: kinds told by bytes, refusals before anything is spent."""

import base64
import pickle
from pathlib import Path

import pytest

from ghmodels_async import catalog, content
from ghmodels_async.errors import AdmissionError, ContentError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 16
GIF = b"GIF89a" + b"\0" * 16
WEBP = b"RIFF\x10\0\0\0WEBPVP8 "
WAV = b"RIFF\x24\0\0\0WAVEfmt "
MP3_TAGGED = b"ID3\x04" + b"\0" * 16
MP3_BARE = b"\xff\xfb\x90\x00" + b"\0" * 16
AAC = b"\xff\xf1\x50\x80" + b"\0" * 16


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp")]
)
def test_an_image_of_bytes_becomes_a_data_url_of_its_own_kind(data: bytes, kind: str) -> None:
    assert content.image(data) == {
        "type": "image_url",
        "image_url": {"url": f"data:{kind};base64,{encoded(data)}"},
    }


def test_the_bytes_decide_and_not_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(JPEG)
    assert content.image(path)["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert content.image(str(path)) == content.image(JPEG)


def test_an_image_url_travels_as_it_is_and_is_not_fetched() -> None:
    part = content.image("https://example.com/cat.png", detail="low")
    assert part == {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}}


def test_a_data_url_is_read_and_checked_like_bytes() -> None:
    url = f"data:image/png;base64,{encoded(PNG)}"
    assert content.image(url)["image_url"]["url"] == url
    assert content.image("data:image/png," + "".join(f"%{byte:02x}" for byte in PNG))["image_url"]["url"] == url
    assert content.audio(f"data:audio/wav;base64,{encoded(WAV)}") == content.audio(WAV)


@pytest.mark.parametrize(("data", "kind"), [(WAV, "wav"), (MP3_TAGGED, "mp3"), (MP3_BARE, "mp3")])
def test_audio_names_the_format_its_bytes_have(data: bytes, kind: str) -> None:
    assert content.audio(data) == {"type": "input_audio", "input_audio": {"data": encoded(data), "format": kind}}


def test_an_audio_url_travels_as_the_azure_dialect_writes_it() -> None:
    part = content.audio("https://example.com/a.mp3")
    assert part == {"type": "audio_url", "audio_url": {"url": "https://example.com/a.mp3"}}


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"BM" + b"\0" * 20, "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x1cftypheic", "HEIC or AVIF"),
        (b"\0\0\0\x1cftypisom", "MP4 or M4A"),
        (WAV, "WAV audio"),
        (b"RIFF\0\0\0\0AVI ", "RIFF"),
        (b"<svg xmlns=", "SVG"),
        (b"nothing known", "unknown"),
    ],
)
def test_a_file_that_is_no_image_is_refused_by_its_own_name(data: bytes, named: str) -> None:
    with pytest.raises(ContentError) as caught:
        content.image(data)
    assert named in caught.value.why
    assert "PNG, JPEG, WEBP or GIF" in caught.value.checked
    assert "media_type" in caught.value.fix


@pytest.mark.parametrize(("data", "named"), [(b"fLaC\0\0", "FLAC"), (b"OggS\0", "Ogg"), (AAC, "unknown"), (PNG, "PNG")])
def test_audio_no_model_reads_is_refused(data: bytes, named: str) -> None:
    with pytest.raises(ContentError, match=named):
        content.audio(data)


def test_the_caller_may_vouch_for_a_kind() -> None:
    assert content.image(b"anything", media_type="image/avif")["image_url"]["url"].startswith("data:image/avif;")
    assert content.audio(b"fLaC", format="flac")["input_audio"]["format"] == "flac"


def test_a_missing_file_is_named_with_what_to_give_instead(tmp_path: Path) -> None:
    with pytest.raises(ContentError) as caught:
        content.image(tmp_path / "absent.png")
    assert "cannot be read" in caught.value.why
    assert "absent.png" in caught.value.checked
    assert "https://" in caught.value.fix
    assert isinstance(caught.value, AdmissionError)


def test_a_directory_and_an_impossible_path_are_refused(tmp_path: Path) -> None:
    for source in (tmp_path, "a\0b"):
        with pytest.raises(ContentError, match="cannot be read"):
            content.audio(source)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(ContentError, match="empty"):
        content.image(tmp_path / "empty.png")


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(50 * 2**30)  # sparse: reading it would need 50 GiB
    with pytest.raises(ContentError, match="53,687,091,200 bytes; the limit is 20,971,520"):
        content.image(path)
    with pytest.raises(ContentError, match="24 bytes; the limit is 8"):
        content.image(PNG, max_bytes=8)
    assert content.image(PNG, max_bytes=None)["type"] == "image_url"


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,###"])
def test_a_malformed_data_url_is_refused_without_quoting_its_bytes(url: str) -> None:
    with pytest.raises(ContentError, match="malformed") as caught:
        content.image(url)
    assert "###" not in str(caught.value)


def test_a_data_url_of_another_kind_is_named_as_one_and_not_quoted() -> None:
    with pytest.raises(ContentError, match="PDF") as caught:
        content.image(f"data:image/png;base64,{encoded(b'%PDF-1.7 secret')}")
    assert caught.value.checked.startswith("a data URL")
    assert encoded(b"%PDF-1.7 secret") not in str(caught.value)


def test_a_user_message_holds_parts_in_order() -> None:
    message = content.user("Look:", content.image(PNG), content.text("well?"))
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "text"]
    with pytest.raises(ValueError, match="at least one part"):
        content.user()


def test_parts_the_card_lists_pass() -> None:
    content.check([content.user("x", content.image(PNG), content.audio(WAV))], catalog.find("openai/gpt-4o"))


@pytest.mark.parametrize(
    ("model", "part", "modality"),
    [
        ("meta/llama-3.3-70b-instruct", content.image(PNG), "image"),
        ("openai/gpt-4.1", content.audio(WAV), "audio"),
        ("openai/gpt-4.1", content.audio("https://example.com/a.mp3"), "audio"),
    ],
)
def test_a_part_the_model_does_not_take_is_refused_with_its_place(model: str, part: dict, modality: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, content.user("What is this?", part)]
    with pytest.raises(ContentError) as caught:
        content.check(messages, catalog.find(model))
    assert f"{model} takes no {modality}" in caught.value.why
    assert "messages[1].content[1]" in caught.value.checked
    assert caught.value.model == model
    assert pickle.loads(pickle.dumps(caught.value)).checked == caught.value.checked


def test_a_model_without_a_card_refuses_nothing() -> None:
    content.check([content.user(content.image(PNG))], None)


def test_text_messages_and_unknown_parts_are_not_judged() -> None:
    card = catalog.find("microsoft/phi-4")
    content.check([{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}], card)
    content.check([{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "file"}, "odd"]}], card)
