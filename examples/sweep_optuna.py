"""Search for good settings with Optuna: python examples/sweep_optuna.py examples/recipes/digits.toml --trials 20.

Every trial trains the recipe's model with other numbers and is judged by its discrete accuracy on the validation
samples; after each epoch a trial that falls behind is given up. The test samples are measured once, for the best. The
study is kept in a file with --storage sqlite:///sweep.db, which several of these programs may work on together.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from bitlogic.datasets import load_dataset
from bitlogic.errors import BitlogicError
from bitlogic.training import Recipe, read_tables, train, with_changes

try:
    import optuna
except ImportError:
    sys.exit("sweep_optuna: needs Optuna: pip install 'bitlogic[sweep]'")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--storage", help="where the study is kept, default in memory")
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", type=Path, help="a TOML file for the best recipe")
    options = parser.parse_args()
    try:
        tables = with_changes(read_tables(options.recipe), options.changes)
        recipe = Recipe.of(tables)
        data = load_dataset(**recipe.data)
    except (BitlogicError, OSError, TypeError, ValueError) as error:
        print(f"sweep_optuna: {error}", file=sys.stderr)
        return 2

    def objective(trial: optuna.Trial) -> float:
        chosen = suggest(trial, recipe)

        def report(line: dict[str, Any]) -> None:
            trial.report(line["validation_discrete"], line["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned

        result = train(chosen.model, data, show=False, on_epoch=report, **chosen.train.to_table())
        if result.validation is None:
            raise ValueError("a sweep needs validation samples: train.validation is 0")
        return result.validation

    study = optuna.create_study(
        study_name=options.recipe.stem,
        storage=options.storage,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=options.trials)
    best = suggest(study.best_trial, recipe)
    if options.output is not None:
        options.output.write_text(best.to_toml())
    result = train(best.model, data, show=False, **best.train.to_table())
    print(f"best of {len(study.trials)} trials: {study.best_params}")
    print(result.text())
    return 0


def suggest(trial: "optuna.Trial | optuna.trial.FrozenTrial", recipe: Recipe) -> Recipe:
    """The recipe with the numbers of a trial: learning rate, tau, smoothing, and how the layers sample."""
    changes = [
        f"train.lr={trial.suggest_float('lr', 0.005, 0.2, log=True)}",
        f"train.label_smoothing={trial.suggest_float('label_smoothing', 0.0, 0.1)}",
        f"model.tau={trial.suggest_float('tau', 1.0, 30.0, log=True)}",
        f"model.forward_sampling={trial.suggest_categorical('forward_sampling', ['soft', 'hard'])}",
    ]
    return Recipe.of(with_changes(recipe.to_tables(), changes))


if __name__ == "__main__":
    sys.exit(main())
