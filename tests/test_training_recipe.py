"""Recipes: the TOML text, changes to it, and what a wrong key or value says."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitlogic.errors import FormatError
from bitlogic.training import Recipe, Settings, read_tables, with_changes
from bitlogic.training.toml_text import toml_text

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=6)


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES)))
def test_toml_text_is_read_back_as_the_same_tables(tables: dict[str, dict[str, Any]]) -> None:
    assert tomllib.loads(toml_text(tables)) == tables


def test_toml_text_leaves_out_what_has_no_value_and_refuses_what_toml_lacks() -> None:
    assert toml_text({"a": {"b": None, "c": 1}}) == "[a]\nc = 1\n"
    with pytest.raises(TypeError, match="TOML has no bytes"):
        toml_text({"a": {"b": b"x"}})


def test_a_recipe_comes_back_from_its_own_text(tmp_path: Path) -> None:
    recipe = Recipe.of(
        {
            "data": {"name": "csv", "path": 'a \\ "b".csv', "label": 3},
            "model": {"layers": [{"type": "LogicDense", "out_dim": 20}, {"type": "GroupSum", "k": 2}]},
            "train": {"lr": 1, "temperature": [1.0, 0.1], "validation": 20},
        }
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml())
    again = Recipe.of(read_tables(path))
    assert again == recipe
    assert again.train.temperature == (1.0, 0.1)
    assert again.train.lr == 1.0


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"training": {}}, ["unknown table [training]", "data, model, train"]),
        ({"train": 3}, ["train must be a table"]),
        ({"train": {"epoch": 3}}, ["unknown key train.epoch", "epochs"]),
        ({"train": {"epochs": "ten"}}, ["train.epochs must be a whole number", "'ten'"]),
        ({"train": {"epochs": True}}, ["train.epochs must be a whole number"]),
        ({"train": {"epochs": 0}}, ["train.epochs is 0", "at least 1"]),
        ({"train": {"lr": float("nan")}}, ["train.lr is nan"]),
        ({"train": {"flip": 1}}, ["train.flip must be true or false"]),
        ({"train": {"temperature": 1.0}}, ["train.temperature must be two numbers"]),
        ({"train": {"temperature": [1.0, 0]}}, ["train.temperature is (1.0, 0.0)", "positive"]),
        ({"train": {"validation": 1.5}}, ["train.validation is 1.5", "a share below 1 or a number"]),
        ({"train": {"optimizer": "lion"}}, ["unknown train.optimizer 'lion'", "adam, adamw"]),
        ({"train": {"schedule": "step"}}, ["unknown train.schedule 'step'", "cosine, constant"]),
        ({"train": {"loss": "mse"}}, ["unknown train.loss 'mse'", "cross_entropy"]),
        ({"train": {"regularization": "l3"}}, ["unknown train.regularization 'l3'", "entropy"]),
        ({"train": {"amp": "float8"}}, ["unknown train.amp 'float8'", "bfloat16"]),
        ({"data": {"name": 3}}, ["data.name must be a text"]),
    ],
)
def test_a_wrong_recipe_names_the_key_and_the_choices(tables: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"train|data") as caught:
        Recipe.of(tables)
    for word in words:
        assert word in str(caught.value)


def test_changes_reach_tables_and_lists_and_leave_the_original() -> None:
    tables: dict[str, Any] = {"model": {"layers": [{"type": "Flatten"}, {"type": "LogicDense", "out_dim": 20}]}}
    changed = with_changes(
        tables,
        [
            "train.lr=1e-2",
            "model.layers.1.out_dim = 40",
            "data.name=mnist",
            "data.root=/a b",
            "train.temperature=[1, 2]",
        ],
    )
    assert changed == {
        "model": {"layers": [{"type": "Flatten"}, {"type": "LogicDense", "out_dim": 40}]},
        "train": {"lr": 0.01, "temperature": [1, 2]},
        "data": {"name": "mnist", "root": "/a b"},
    }
    assert tables["model"]["layers"][1]["out_dim"] == 20


@pytest.mark.parametrize("change", ["lr=3", "train.lr", "trains.lr=3", "model.layers.7.out_dim=1", "train..lr=3"])
def test_a_change_without_a_place_is_refused(change: str) -> None:
    with pytest.raises(ValueError, match=r"is no change|there is no"):
        with_changes({"model": {"layers": [{"type": "Flatten"}]}}, [change])


def test_recipes_differ_in_what_changes_the_training_and_not_in_where_the_data_lie() -> None:
    ours = Recipe.of({"data": {"name": "mnist", "root": "a"}, "model": {"layers": [{"out_dim": 1}]}})
    theirs = Recipe.of(
        {
            "data": {"name": "mnist", "root": "b"},
            "model": {"layers": [{"out_dim": 2}]},
            "train": {"seed": 1, "checkpoint_steps": 5, "temperature": [1.0, 2.0]},
        }
    )
    assert ours.differences(theirs) == ["model.layers.0.out_dim", "train.seed", "train.temperature"]
    assert ours.differences(ours) == []


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[train\nlr = 1")
    with pytest.raises(FormatError, match=r"recipe\.toml: no TOML file"):
        read_tables(path)


def test_settings_come_back_from_their_table() -> None:
    settings = Settings(regularization="entropy", connection_temperature=(0.1, 0.001), flip=True)
    assert Settings.of(settings.to_table()) == settings
