"""`verify`: the troubleshooting list, check by check, against a service that refuses in every known way."""

import pytest
from simulated import LOW, TOKEN, connect, failed, timed_out

from ghmodels_async import GitHubModels
from ghmodels_async import errors as e
from ghmodels_async.simulator import DISABLED_ORGANIZATION, Fault, Simulation

ORDER = ["settings", "token", "service", "account", "organisation", "catalog", "limits", "model"]


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1)


def states(found):
    return {check.name: check.state for check in found.checks}


async def test_when_all_is_well_every_check_says_what_was_found(simulation, clock):
    async with connect(simulation, clock, token="github_pat_simulated0000000000") as gh:
        found = await gh.verify(LOW)
    assert list(states(found)) == ORDER
    assert set(states(found).values()) == {"ok"}
    assert found.ok
    text = str(found)
    assert "fine-grained personal access token (github_pat_…)" in text
    assert "signed in as simulated-account-1" in text
    assert f"{LOW} is among them" in text
    assert "UserByModelByDay 150 of 150 left" in text
    assert "simulated0000000000" not in text, "a token is never shown"


async def test_one_question_is_all_it_spends(simulation, clock):
    async with connect(simulation, clock) as gh:
        await gh.verify(LOW)
        await gh.verify(LOW, ask=False)
    inference = [arrival for arrival in simulation.log if arrival.kind in ("chat", "stream")]
    assert [arrival.model for arrival in inference] == [LOW]
    assert gh.usage.of(LOW).completion_tokens <= 16


async def test_without_a_model_one_with_a_large_quota_is_asked(simulation, clock):
    async with connect(simulation, clock) as gh:
        await gh.verify()
        used = next(iter(gh.usage.models))
        assert gh.profile.row_of(used) == "low"


@pytest.mark.parametrize(
    ("token", "error", "failed", "fix"),
    [
        ("ghp_bad_credentials0000000000", e.TokenInvalidError, {"account", "organisation", "model"}, "expired"),
        ("ghp_no_models_permission00000", e.TokenPermissionError, {"model"}, "`models` scope"),
        ("github_pat_no_models_permission", e.TokenPermissionError, {"model"}, "Models → Read-only"),
        ("ghp_no_access00000000000000000", e.ModelAccessError, {"model"}, "ghmodels models"),
        ("ghp_no_budget00000000000000000", e.BudgetExceededError, {"model"}, "settings/billing"),
        ("ghp_models_disabled00000000000", e.ModelsDisabledError, {"model"}, "settings/models"),
    ],
)
async def test_each_refusal_fails_its_own_check_and_says_the_fix(simulation, clock, token, error, failed, fix):
    async with connect(simulation, clock, token=token) as gh:
        found = await gh.verify(LOW, raises=False)
        with pytest.raises(error):
            await gh.verify(LOW)
    assert {name for name, state in states(found).items() if state == "failed"} == failed
    assert isinstance(found.error, error)
    assert fix in next(check.fix for check in found.checks if check.state == "failed")
    assert token not in str(found)


async def test_a_policy_error_leads_to_the_page_of_the_organisation_or_enterprise(simulation, clock):
    async with connect(simulation, clock, organization=DISABLED_ORGANIZATION) as gh:
        with pytest.raises(e.ModelsDisabledError) as caught:
            await gh.chat(LOW, "hi")
    page = f"https://github.com/organizations/{DISABLED_ORGANIZATION}/settings/models"
    assert caught.value.settings_url == page
    assert page in caught.value.fix
    async with connect(simulation, clock, organization=DISABLED_ORGANIZATION, enterprise="my-enterprise") as gh:
        with pytest.raises(e.ModelsDisabledError) as caught:
            await gh.chat(LOW, "hi")
    assert caught.value.settings_url == "https://github.com/enterprises/my-enterprise/settings/models"


async def test_an_organisation_one_belongs_to_is_recognised(clock):
    simulation = Simulation(clock=clock, organizations=("My-Org", "other"))
    async with connect(simulation, clock, organization="my-org") as gh:
        found = await gh.verify(LOW)
    assert "member of my-org" in str(found)


async def test_an_organisation_one_does_not_belong_to_fails(clock):
    simulation = Simulation(clock=clock, organizations=("other",))
    async with connect(simulation, clock, organization="my-org") as gh:
        with pytest.raises(e.TokenPermissionError, match="not seen as a member of my-org; member of: other"):
            await gh.verify(LOW)


async def test_a_token_that_shows_no_organisations_proves_nothing(clock):
    simulation = Simulation(clock=clock, organizations=())
    async with connect(simulation, clock, organization="my-org") as gh:
        assert states(await gh.verify(LOW))["organisation"] == "skipped"


async def test_without_a_token_what_needs_one_is_skipped(simulation, clock):
    async with connect(simulation, clock, token=None) as gh:
        found = await gh.verify(LOW, raises=False)
    assert isinstance(found.error, e.TokenNotFoundError)
    assert [check.name for check in found.checks if check.state == "skipped"] == ORDER[3:]
    assert simulation.log.total == 0


async def test_a_quota_that_is_used_up_fails_without_asking(simulation, clock):
    simulation.script([Fault.day_spent(wait=50_000, amount=150)])
    async with connect(simulation, clock) as gh:
        with pytest.raises(e.QuotaExhaustedError):
            await gh.chat(LOW, "hi")
        found = await gh.verify(LOW, raises=False)
    assert isinstance(found.error, e.QuotaExhaustedError)
    assert found.error.reset_at is not None
    assert states(found)["model"] == "skipped"
    assert "Use another model" in found.error.fix


async def test_a_model_that_does_not_exist_fails_with_the_nearest_names(simulation, clock):
    async with connect(simulation, clock) as gh:
        with pytest.raises(e.ModelNotFoundError, match="Did you mean openai/gpt-4o"):
            await gh.verify("openai/gpt-4oo")


async def test_a_workflow_token_has_no_user_and_may_still_work(simulation, clock):
    forbidden = Fault.answers(403, {"message": "Resource not accessible by integration", "status": "403"})
    simulation.script(forbidden, when=lambda arrival: arrival.kind == "user")
    async with connect(simulation, clock, token="ghs_simulated000000000000000") as gh:
        found = await gh.verify(LOW)
    assert states(found)["account"] == "skipped"
    assert states(found)["model"] == "ok"


async def test_a_proxy_without_the_accounts_address_is_no_failure(simulation, clock):
    simulation.script(Fault.answers(404, {"message": "Not Found"}), when=lambda arrival: "user" in arrival.path)
    async with connect(simulation, clock) as gh:
        found = await gh.verify(LOW)
    assert states(found)["account"] == states(found)["organisation"] == "skipped"


async def test_a_service_that_answers_410_is_retired_whatever_its_words(clock):
    simulation = Simulation(clock=clock)
    async with connect(simulation, clock) as gh:
        simulation.script(Fault.retired(), when=lambda arrival: True)
        with pytest.raises(e.ServiceRetiredError):
            await gh.verify(LOW)


async def test_another_service_is_asked_what_it_has(clock):
    async with connect(Simulation("groq", clock=clock), clock, token="KEY") as gh:
        found = await gh.verify("llama-3.3-70b-versatile")
        nameless = await gh.verify()
    assert states(found) == {**dict.fromkeys(ORDER, "ok"), "account": "skipped", "organisation": "skipped"}
    assert states(nameless)["model"] == "skipped"


async def test_an_endpoint_without_keys_is_not_said_to_have_one(clock):
    simulation = Simulation("local", clock=clock)
    async with connect(simulation, clock, token=None) as gh:
        with pytest.raises(e.ModelNotFoundError) as caught:
            await gh.chat("no-such-model", "hi")
    assert "token" not in caught.value.checked


async def test_the_profiles_own_word_that_a_service_is_retired_fails_the_check(simulation, clock):
    door = simulation.transport(connection_failed=failed, timed_out=timed_out)
    async with GitHubModels(TOKEN, enterprise="my-enterprise", transport=door, clock=clock, ledger="memory") as gh:
        found = await gh.verify(LOW, ask=False, raises=False)
        with pytest.raises(e.ServiceRetiredError, match="retired 2026-07-30"):
            await gh.verify(LOW, ask=False)
    assert states(found)["service"] == "failed"
    assert "enterprise my-enterprise" in str(found)
    assert "foundry" in found.error.fix
