"""What of a long talk is sent: instructions and the newest turns, as many whole ones as fit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.conversation import Trimmer, inconsistency, turns_of
from ghmodels_async.wire import Usage

SYSTEM = {"role": "system", "content": "Be brief."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def call(*ids: str) -> dict[str, Any]:
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(one: str, text: str = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": one, "content": text}


def test_turns_begin_with_what_the_user_said() -> None:
    talk = [SYSTEM, user("a"), answer("b"), user("c"), call("1"), result("1"), answer("d")]
    first, turns = turns_of(talk)
    assert first == [SYSTEM]
    assert [len(turn) for turn in turns] == [2, 4]


def test_user_messages_in_a_row_are_one_question() -> None:
    _, turns = turns_of([user("a"), user("b"), answer("c")])
    assert len(turns) == 1


def test_a_talk_may_begin_with_an_answer() -> None:
    first, turns = turns_of([answer("Hello!"), user("a")])
    assert (first, len(turns)) == ([], 2)
    assert turns_of([]) == ([], [])


def test_without_a_limit_everything_is_sent() -> None:
    trimmer = Trimmer()
    talk = [user("x" * 10_000), answer("y"), user("z")]
    assert trimmer.fit(talk, None) == talk
    assert trimmer.left_out == 0


def test_the_oldest_turns_are_left_out_first_and_the_instruction_stays() -> None:
    talk = [SYSTEM, user("a" * 3000), answer("b" * 3000), user("c" * 300), answer("d"), user("e")]
    trimmer = Trimmer()
    assert trimmer.fit(talk, 1000) == [SYSTEM, *talk[3:]]
    assert trimmer.left_out == 2


def test_the_newest_turn_is_sent_even_if_it_alone_is_too_large() -> None:
    talk = [SYSTEM, user("a"), answer("b"), user("c" * 100_000)]
    assert Trimmer().fit(talk, 1000) == [SYSTEM, talk[3]]


def test_what_travels_beside_the_messages_counts() -> None:
    talk = [user("a" * 1000), answer("b"), user("c")]
    assert Trimmer().fit(talk, 1000) == talk
    assert Trimmer().fit(talk, 1000, beside=10_000) == talk[2:]


def test_the_size_of_a_token_is_learned_from_the_server() -> None:
    trimmer = Trimmer()
    talk = [user("a" * 1000), answer("b"), user("c")]
    assert trimmer.fit(talk, 500) == talk
    trimmer.learn(Usage(prompt_tokens=700))
    assert trimmer.fit(talk, 500) == talk[2:]
    trimmer.learn(None)
    trimmer.learn(Usage())


_turns = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 500)).map(
        lambda t: [
            user("u" * t[2]),
            *(message for n in range(t[1]) for message in (call(*"abc"[: t[0]]), *(result(i) for i in "abc"[: t[0]]))),
            answer("a" * t[2]),
        ]
    ),
    max_size=8,
)


@given(turns=_turns, limit=st.integers(1, 2000), system=st.booleans())
def test_what_is_sent_is_always_consistent_and_ends_with_the_question(
    turns: list[list[dict[str, Any]]], limit: int, system: bool
) -> None:
    talk = [*([SYSTEM] if system else []), *(message for turn in turns for message in turn), user("now")]
    assert inconsistency(talk) is None
    sent = Trimmer().fit(talk, limit)
    assert inconsistency(sent) is None
    assert sent[-1] == user("now")
    assert sent == [*talk[: int(system)], *talk[len(talk) - len(sent) + int(system) :]]
