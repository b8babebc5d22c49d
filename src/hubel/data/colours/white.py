"""Numbers of sRGB and CIE's L*a*b* under white D65. Nothing here loads torch."""

from typing import Any

import numpy as np

TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)
SMALL, SLOPE = 216 / 24389, 841 / 108  # where L*'s cube root is a line, and how steep
GREY = (19595, 38470, 7471)  # of 65,536: how much red, green and blue give to a grey level, as Pillow's L has it
HALVINGS = 4  # of the range in which the share of a colour that a screen has is looked for


def for_pages() -> dict[str, Any]:
    """The same for programs in a page: `fromXyz` (of X, Y and Z in shares of white to red, green and blue), and
    `small`, `slope`, `grey`, `halvings`.
    """
    from_xyz = (np.linalg.inv(np.array(TO_XYZ)) * np.array(WHITE)).tolist()
    return {"fromXyz": from_xyz, "small": SMALL, "slope": SLOPE, "grey": GREY, "halvings": HALVINGS}
