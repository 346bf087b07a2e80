"""Plugins are found without importing them, and a broken one harms no other."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core import registry
from churn_core.errors import PluginError
from churn_core.schemas import IbmTelcoCustomer


class Site:
    """A folder on the path into which distributions are written as an installer would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, entry_points: str, *, metadata: str | None = None, **modules: str) -> None:
        info = self.folder / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n" if metadata is None else metadata
        (info / "METADATA").write_text(text)
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        for module, code in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(code))
        importlib.invalidate_caches()
        registry._scan.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._scan.cache_clear()
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]
    registry._scan.cache_clear()


CHECK = "class Good:\n    def check(self, evidence): ...\n"


def test_built_in_plugins_are_listed_with_their_origin() -> None:
    found = {info.name: info for info in registry.plugins("schemas")}
    assert {"ibm-telco", "telcovision"} <= set(found)
    assert found["ibm-telco"].distribution == "churn-core"
    assert found["ibm-telco"].target == "churn_core.schemas.ibm_telco:IbmTelcoCustomer"
    assert registry.get("schemas", "ibm-telco") is IbmTelcoCustomer


def test_names_are_listed_without_importing_anything() -> None:
    code = """
        import sys
        from churn_core import registry
        names = [name for group in registry.GROUPS for name in registry.names(group)]
        infos = [info for group in registry.GROUPS for info in registry.plugins(group)]
        assert len(names) >= 13, names
        loaded = [name for name in sys.modules if name.startswith("churn_core.")]
        assert sorted(loaded) == ["churn_core.errors", "churn_core.registry"], loaded
        registry.get("schemas", "ibm-telco")
        assert "churn_core.schemas.ibm_telco" in sys.modules
        assert not any(name.startswith(("churn_core.train", "pandas", "numpy")) for name in sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_plugin_of_another_distribution_is_found_and_imported_on_demand(site: Site) -> None:
    entry = "[churn_core.checks]\ngood = acme_good:Good\n"
    site.install("acme-good", entry, acme_good=CHECK)
    assert "good" in registry.names("checks")
    assert "acme_good" not in sys.modules
    assert registry.get("checks", "good").__name__ == "Good"
    assert {info.distribution for info in registry.plugins("checks")} == {"churn-core", "acme-good"}


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("acme_bad:Bad", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("acme_bad:Bad", "x = 1", "AttributeError: module 'acme_bad' has no attribute 'Bad'"),
        ("acme_bad:Bad", "def", "SyntaxError"),
        ("acme_bad:Bad", "raise SystemExit('bye')", "SystemExit: bye"),
        ("acme_none:Bad", "", "ModuleNotFoundError"),
        ("acme_bad:", "", "cannot be imported"),
        ("acme_bad:Bad", "class Bad: ...", "lacks check (acme_bad:Bad)"),
        ("acme_bad:Bad", "Bad = 5", "is not a class (acme_bad:Bad)"),
        ("acme_bad", "", "is not a class (acme_bad)"),
    ],
)
def test_a_broken_plugin_names_its_distribution_and_harms_no_other(
    site: Site, target: str, code: str, message: str
) -> None:
    site.install("acme-bad", f"[churn_core.checks]\nbad = {target}\n", acme_bad=code)
    site.install("acme-good", "[churn_core.checks]\ngood = acme_good:Good\n", acme_good=CHECK)
    assert {"bad", "good"} <= set(registry.names("checks"))
    with pytest.raises(PluginError) as caught:
        registry.get("checks", "bad")
    assert str(caught.value).startswith("plugin 'bad' of group 'checks' from acme-bad 1.2 ")
    assert message in str(caught.value)
    assert registry.get("checks", "good").__name__ == "Good"


@pytest.mark.parametrize(
    "damage", ["[churn_core.checks]\ngood acme_good", "good = acme_good:Good", "\x00[\x00"]
)
def test_a_damaged_list_of_plugins_hides_no_other(site: Site, damage: str) -> None:
    site.install("acme-damaged", damage)
    site.install("acme-good", "[churn_core.checks]\ngood = acme_good:Good\n", acme_good=CHECK)
    assert registry.get("checks", "good").__name__ == "Good"
    assert registry.get("schemas", "ibm-telco") is IbmTelcoCustomer
    assert set(registry.unreadable_distributions()) <= {"acme-damaged"}


def test_a_damaged_list_of_plugins_is_named(site: Site) -> None:
    assert registry.unreadable_distributions() == ()
    site.install("acme-damaged", "[churn_core.checks]\nno equals sign\n")
    assert registry.unreadable_distributions() == ("acme-damaged",)


def test_a_distribution_without_metadata_is_still_named_somehow(site: Site) -> None:
    site.install("acme-bare", "[churn_core.checks]\nbare = acme_bare:Bare\n", metadata="", acme_bare="")
    with pytest.raises(PluginError, match="from a distribution without a name cannot be imported"):
        registry.get("checks", "bare")


def test_a_name_that_two_distributions_provide_is_refused(site: Site) -> None:
    for name in ("acme-one", "acme-two"):
        module = name.replace("-", "_")
        site.install(name, f"[churn_core.checks]\nsame = {module}:Good\n", **{module: CHECK})
    assert registry.names("checks").count("same") == 1
    assert [info.distribution for info in registry.plugins("checks") if info.name == "same"] == [
        "acme-one",
        "acme-two",
    ]
    with pytest.raises(PluginError, match="'same' of group 'checks' is provided by acme-one and acme-two"):
        registry.get("checks", "same")
    assert registry.get("schemas", "ibm-telco") is IbmTelcoCustomer


def test_a_third_party_cannot_take_the_name_of_a_built_in_plugin(site: Site) -> None:
    site.install(
        "acme-thief", "[churn_core.schemas]\nibm-telco = acme_thief:Thief\n", acme_thief="class Thief: ..."
    )
    with pytest.raises(PluginError, match="is provided by acme-thief and churn-core"):
        registry.get("schemas", "ibm-telco")


def test_an_unknown_plugin_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(PluginError) as caught:
        registry.get("schemas", "ibm-telko")
    installed = "(installed: ibm-telco, telcovision)"
    hint = "did you mean 'ibm-telco'?"
    assert str(caught.value) == f"no plugin 'ibm-telko' in group 'schemas' {installed}; {hint}"


@given(st.text().filter(lambda name: name not in registry.GROUPS))
def test_an_unknown_group_is_refused(group: str) -> None:
    for ask in (
        registry.names,
        lambda name: list(registry.plugins(name)),
        lambda name: registry.get(name, "x"),
    ):
        with pytest.raises(PluginError, match="there is no plugin group"):
            ask(group)


@given(st.sampled_from(list(registry.GROUPS)), st.text())
def test_any_name_gives_a_plugin_or_one_clear_message(group: str, name: str) -> None:
    if name not in registry.names(group):
        with pytest.raises(PluginError, match=f"in group '{group}'"):
            registry.get(group, name)


def test_entry_points_of_unknown_groups_are_left_alone(site: Site) -> None:
    site.install("acme-future", "[churn_core.horoscopes]\nstars = acme:Stars\n[console_scripts]\nx = y:z\n")
    assert all("stars" not in registry.names(group) for group in registry.GROUPS)
