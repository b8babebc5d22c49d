"""What an expert would point at in a network, and two networks beside each other. Standard library only.

>>> from hubel.advise import advise
>>> from hubel.arch import parse
>>> [advice.rule for advice in advise(parse("28x28x1: flatten, dense 100 softmax, dense 10"))]
['softmax inside']
"""

from hubel.advise._advise import advise
from hubel.advise._compare import Comparison, compare
from hubel.advise._remarks import Advice, Remarks
from hubel.base.rooms import called

called(__name__, advise)

__all__ = ["Advice", "Comparison", "Remarks", "advise", "compare"]
