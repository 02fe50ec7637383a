"""Token units: exact, and unknown where nobody states a price."""

import pickle
from decimal import Decimal

import pytest

from ghmodels_async import catalog
from ghmodels_async.catalog import FREE, Cost, Multipliers, cost_of

GPT_4O = catalog.find("openai/gpt-4o").multipliers


def test_the_worked_example_of_the_documentation():
    cost = cost_of(GPT_4O, 1_000_000, 0, 1_000_000)
    assert cost.units == 1_250_000
    assert cost.dollars == Decimal("12.50")
    assert cost.known_units == cost.units


def test_cached_tokens_have_a_price_of_their_own():
    assert cost_of(GPT_4O, 1_000_000, 400_000, 0).units == 600_000 * Decimal("0.25") + 400_000 * Decimal("0.125")


def test_a_model_without_a_row_has_an_unknown_cost_and_not_a_free_one():
    cost = cost_of(None, 1000, 0, 1000)
    assert (cost.units, cost.dollars) == (None, None)
    assert str(cost) == "unknown"


def test_cached_tokens_without_a_price_make_the_cost_unknown():
    prices = Multipliers(input=0.1, output=0.2)
    assert cost_of(prices, 10, 0, 10).units == 3
    assert cost_of(prices, 10, 4, 10) == (None, Decimal("2.6"))


def test_a_million_additions_lose_nothing():
    prices = Multipliers(input=0.0075, cached_input=0.00375, output=0.03)
    one = cost_of(prices, 1, 0, 0)
    total = FREE
    for _ in range(10_000):
        total = total.plus(one)
    assert total.units == Decimal("75.0000")
    assert total.dollars == Decimal("0.00075")


@pytest.mark.parametrize("model", [card.id for card in catalog.cards() if card.multipliers])
def test_every_row_of_the_list_gives_the_price_the_list_shows(model):
    row = catalog.find(model).multipliers
    assert cost_of(row, 1_000_000, 0, 0).dollars == Decimal(str(row.input)) * 10


def test_a_sum_is_unknown_if_a_part_is_and_tells_the_known_part():
    total = FREE.plus(Cost(Decimal(5), Decimal(5))).plus(Cost(None, Decimal(2)))
    assert total == (None, Decimal(7))
    assert total.known_dollars == Decimal("0.00007")
    assert str(total) == "unknown ($0.000070 of it known)"
    assert str(Cost(Decimal(5), Decimal(5))) == "$0.000050"


def test_a_cost_travels_between_processes():
    cost = cost_of(GPT_4O, 10, 0, 10)
    assert pickle.loads(pickle.dumps(cost)) == cost
