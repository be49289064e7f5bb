"""The data sets that come with scikit-learn: digits and breast cancer."""

import torch

from bitlogic.datasets.dataset import Dataset
from bitlogic.errors import MissingToolError


def digits(test_size: int = 360, seed: int = 0) -> Dataset:
    """scikit-learn's 1797 digits, 8 x 8 pixels of 0.0 to 16.0; `test_size` of them are held out, every class alike.

    Raises:
        MissingToolError: scikit-learn is not installed.
    """
    return _split("load_digits", (1, 8, 8), test_size, seed)


def breast_cancer(test_size: int = 114, seed: int = 0) -> Dataset:
    """scikit-learn's 569 tumours of 30 measurements, class 0 malignant and 1 benign; `test_size` are held out.

    Raises:
        MissingToolError: scikit-learn is not installed.
    """
    return _split("load_breast_cancer", (30,), test_size, seed)


def _split(loader: str, shape: tuple[int, ...], test_size: int, seed: int) -> Dataset:
    try:
        import sklearn.datasets
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        name = loader.removeprefix("load_").replace("_", " ")
        raise MissingToolError(f"the {name} need scikit-learn: pip install 'bitlogic[data]'") from error
    samples, labels = getattr(sklearn.datasets, loader)(return_X_y=True)
    split = train_test_split(samples, labels, test_size=test_size, random_state=seed, stratify=labels)
    train_x, test_x = (torch.tensor(part, dtype=torch.float32).reshape(-1, *shape) for part in split[:2])
    train_y, test_y = (torch.tensor(part, dtype=torch.int64) for part in split[2:])
    return Dataset(train_x, train_y, test_x, test_y)
