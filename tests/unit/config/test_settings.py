"""Argument before environment before env file before configuration file; each value with its place."""

import pytest

from ghmodels_async import profiles
from ghmodels_async.config import resolve
from ghmodels_async.errors import ConfigurationError


@pytest.fixture
def home(tmp_path):
    (tmp_path / "ghmodels").mkdir()
    return tmp_path


def env_of(home, **variables):
    return {"XDG_CONFIG_HOME": str(home), **variables}


def write_config(home, text):
    (home / "ghmodels" / "config.toml").write_text(text, encoding="utf-8")


def write_env_file(home, text):
    path = home / "my.env"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_github_on_its_first_plan():
    settings = resolve(env={})
    assert (settings.profile.name, settings.plan, settings.ledger) == ("github", "free", "sqlite")
    assert settings.organization is settings.enterprise is settings.state_dir is None
    assert settings.sources == {}


def test_every_place_in_its_rank(home):
    write_config(home, 'plan = "pro"\nledger = "memory"\norganization = "filed"\nenterprise = "filed"\n')
    env_file = write_env_file(
        home, "GHMODELS_PLAN=business\nGHMODELS_ENTERPRISE=env-filed\nGHMODELS_ORGANIZATION=env-filed"
    )
    env = env_of(home, GHMODELS_PLAN="enterprise", GHMODELS_ORGANIZATION="environment")
    settings = resolve(plan="free", env=env, env_file=env_file)
    assert settings.plan == "free"
    assert settings.organization == "environment"
    assert settings.enterprise == "env-filed"
    assert settings.ledger == "memory"
    assert settings.sources == {
        "plan": "argument plan",
        "organization": "environment variable GHMODELS_ORGANIZATION",
        "enterprise": f"GHMODELS_ENTERPRISE in {env_file}:2",
        "ledger": f"{home}/ghmodels/config.toml:2",
    }


def test_an_empty_variable_is_not_set(home):
    assert resolve(env=env_of(home, GHMODELS_PLAN="")).plan == "free"


def test_the_guides_variables_are_understood():
    settings = resolve(
        env={
            "JAATO_GITHUB_ORGANIZATION": "my-org",
            "JAATO_GITHUB_ENTERPRISE": "my-enterprise",
            "JAATO_GITHUB_ENDPOINT": "https://models.ghes.example.com",
        }
    )
    assert settings.endpoint.root == "https://models.ghes.example.com/orgs/my-org/inference"
    assert settings.enterprise == "my-enterprise"


def test_our_own_variable_wins_over_the_guides():
    env = {"JAATO_GITHUB_ORGANIZATION": "theirs", "GHMODELS_ORGANIZATION": "ours"}
    assert resolve(env=env).organization == "ours"


def test_the_guides_variables_mean_nothing_to_other_services():
    env = {"JAATO_GITHUB_ORGANIZATION": "my-org", "JAATO_GITHUB_ENDPOINT": "https://models.ghes.example.com"}
    settings = resolve(profile="groq", env=env)
    assert settings.endpoint.root == "https://api.groq.com/openai/v1"
    assert settings.organization is None


def test_an_address_belongs_to_the_profile_it_was_written_for(home):
    write_config(home, 'profile = "foundry"\nbase_url = "https://r.services.ai.azure.com/models"\nledger = "memory"\n')
    assert resolve(env=env_of(home)).endpoint.origin == "https://r.services.ai.azure.com"
    groq = resolve(profile="groq", env=env_of(home))
    assert groq.endpoint.origin == "https://api.groq.com"
    assert groq.ledger == "memory"


def test_a_place_that_names_no_profile_speaks_for_the_chosen_one(home):
    env = env_of(home, GHMODELS_BASE_URL="http://127.0.0.1:8080/v1")
    assert resolve(profile="groq", env=env).endpoint.root == "http://127.0.0.1:8080/v1"


def test_a_profile_can_be_given_as_a_value(home):
    assert resolve(profile=profiles.load("groq"), env={"GHMODELS_PROFILE": "openai"}).profile.name == "groq"


def test_a_profile_can_be_a_file(home):
    path = home / "mine.toml"
    path.write_text('name = "mine"\nbase_url = "https://mine.example/v1"\nplans = ["only"]\n')
    assert resolve(env=env_of(home, GHMODELS_PROFILE=str(path))).plan == "only"


@pytest.mark.parametrize(
    ("variables", "said", "place"),
    [
        ({"GHMODELS_PROFILE": "nope"}, "no profile named 'nope'", "environment variable GHMODELS_PROFILE"),
        ({"GHMODELS_PLAN": "gold"}, "no plan 'gold'", "environment variable GHMODELS_PLAN"),
        ({"GHMODELS_BASE_URL": "nowhere"}, "not an http", "environment variable GHMODELS_BASE_URL"),
        ({"GHMODELS_ALLOW_HTTP": "maybe"}, "neither yes nor no", "environment variable GHMODELS_ALLOW_HTTP"),
        (
            {"GHMODELS_PROFILE": "groq", "GHMODELS_ORGANIZATION": "o"},
            "cannot attribute",
            "organization_url of profile groq",
        ),
    ],
)
def test_an_error_names_the_place(variables, said, place):
    with pytest.raises(ConfigurationError, match=said) as caught:
        resolve(env=variables)
    assert place in str(caught.value)


def test_an_error_in_a_profile_file_names_its_line(home):
    path = home / "mine.toml"
    path.write_text('name = "mine"\nplanz = []\n')
    with pytest.raises(ConfigurationError, match=r"mine\.toml:2: planz: unknown key"):
        resolve(profile=str(path), env={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('plan = "pro"\ntoken = "x"\n', r"config\.toml:2: unknown setting 'token'"),
        ("plan = 3\n", r"config\.toml:1: plan is not a text"),
        ("plan = \n", "not TOML"),
    ],
)
def test_an_error_in_the_configuration_file_names_its_line(home, text, said):
    write_config(home, text)
    with pytest.raises(ConfigurationError, match=said):
        resolve(env=env_of(home))


def test_a_configuration_file_that_was_asked_for_must_exist(home):
    with pytest.raises(ConfigurationError, match="does not exist"):
        resolve(config_file=home / "absent.toml", env={})


def test_a_boolean_in_the_configuration_file_is_one(home):
    write_config(home, 'base_url = "http://lan.example/v1"\nallow_http = true\n')
    assert resolve(env=env_of(home)).endpoint.root == "http://lan.example/v1"
    assert resolve(base_url="http://lan.example/v1", allow_http=True, env={}).endpoint.explicit


@pytest.mark.parametrize("answer", ["0", "no", "False", "off"])
def test_a_no_is_a_no(answer):
    with pytest.raises(ConfigurationError, match="unencrypted"):
        resolve(env={"GHMODELS_ALLOW_HTTP": answer, "GHMODELS_BASE_URL": "http://lan.example/v1"})


def test_the_configuration_folder_follows_the_standard(home):
    (home / ".config" / "ghmodels").mkdir(parents=True)
    (home / ".config" / "ghmodels" / "config.toml").write_text('plan = "pro"\n')
    assert resolve(env={"HOME": str(home)}).plan == "pro"
    assert resolve(env={"HOME": str(home), "XDG_CONFIG_HOME": "relative"}).plan == "pro"


def test_an_env_file_as_people_write_them(home):
    path = write_env_file(
        home,
        "# a comment\n\nexport GHMODELS_PLAN=pro   # trailing\n"
        'PLAIN=a#b\nSINGLE=\'a # "b"\'\nDOUBLE="line\\nbreak \\" $HOME"  # c\nEMPTY=\n',
    )
    settings = resolve(env={}, env_file=path)
    assert settings.plan == "pro"
    assert settings.env["PLAIN"] == "a#b"
    assert settings.env["SINGLE"] == 'a # "b"'
    assert settings.env["DOUBLE"] == 'line\nbreak " $HOME'
    assert settings.env["EMPTY"] == ""


def test_the_environment_wins_over_the_env_file(home):
    path = write_env_file(home, "GITHUB_TOKEN=filed\nOTHER=filed\n")
    settings = resolve(env={"GITHUB_TOKEN": "process"}, env_file=path)
    assert (settings.env["GITHUB_TOKEN"], settings.env["OTHER"]) == ("process", "filed")


@pytest.mark.parametrize("line", ["just words with secret", "NAME='secret", 'NAME="secret" more'])
def test_a_broken_line_is_named_but_not_repeated(home, line):
    path = write_env_file(home, f"A=1\n{line}\n")
    with pytest.raises(ConfigurationError, match=r"my\.env:2") as caught:
        resolve(env={}, env_file=path)
    assert "secret" not in str(caught.value)


def test_a_missing_env_file_is_named(home):
    with pytest.raises(ConfigurationError, match=r"absent\.env"):
        resolve(env={}, env_file=home / "absent.env")


def test_settings_do_not_show_the_environment(home):
    assert "hush" not in repr(resolve(env={"GITHUB_TOKEN": "hush"}))


def test_a_file_that_cannot_be_read_is_named(home):
    (home / "ghmodels" / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"config\.toml cannot be read"):
        resolve(env=env_of(home))
