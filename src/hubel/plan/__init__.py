"""What training a network takes: time by the roofline, memory, days and energy, on one device or on many."""

from hubel.plan._devices import DEVICES, Device, device_data, device_from, find_device
from hubel.plan._distributed import HOP_SECONDS, RunPlan, StepPlan, plan_run, plan_step
from hubel.plan._roofline import LayerTime, layer_times

__all__ = [
    "DEVICES",
    "HOP_SECONDS",
    "Device",
    "LayerTime",
    "RunPlan",
    "StepPlan",
    "device_data",
    "device_from",
    "find_device",
    "layer_times",
    "plan_run",
    "plan_step",
]
