"""What an expert would point at in a network. Standard library only.

>>> from hubel.advise import advise
>>> from hubel.arch import parse
>>> [advice.rule for advice in advise(parse("28x28x1: flatten, dense 100 softmax, dense 10"))]
['softmax inside']
"""

from hubel.advise._advise import Advice, advise
from hubel.base.rooms import called

called(__name__, advise)

__all__ = ["Advice", "advise"]
