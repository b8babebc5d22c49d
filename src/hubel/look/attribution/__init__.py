"""Where a trained network looks: what in an image its answer rests on."""

from hubel.look.attribution.methods import grad_cam, integrated_gradients, occlusion, saliency
from hubel.look.attribution.result import Attributions, Map

__all__ = ["Attributions", "Map", "grad_cam", "integrated_gradients", "occlusion", "saliency"]
