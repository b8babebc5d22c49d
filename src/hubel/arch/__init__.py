"""The tree of a network, its layers, its text form and its arithmetic. Standard library only.

>>> from hubel.arch import analyse, parse
>>> report = analyse(parse("32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10"))
>>> report.rows[0].cost.parameters
608
"""

from hubel.arch import layers
from hubel.arch._analyse import Report, Row, analyse, leaves
from hubel.arch._errors import Fit, NotationError, ShapeError
from hubel.arch._expression import Expression, Quantity
from hubel.arch._field import Axis, Field
from hubel.arch._layer import Call, Cost, Formula, Keeps, Layer, Weighted, register
from hubel.arch._notation import parse, parse_node
from hubel.arch._shape import Shape, shape_text
from hubel.arch._tree import Auxiliary, Chain, Concat, Network, Node, Sum, assert_never, children, named_children
from hubel.arch.layers import *  # noqa: F403
