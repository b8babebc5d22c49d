import pytest

from hubel.arch import Network, parse
from hubel.data import Splits
from hubel.train import Recipe
from tests.train.quadrants import NETWORK, RECIPE, quadrants


@pytest.fixture(scope="session")
def splits() -> Splits:
    return Splits(train=quadrants(640, 0), test=quadrants(200, 1))


@pytest.fixture(scope="session")
def network() -> Network:
    return parse(NETWORK)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return RECIPE
